"""A fuzzer that sees nothing says so instead of running for days."""

from pathlib import Path

from fuzzing import fuzz_body


def test_without_probes_it_does_not_start_and_names_what_was_imported(tmp_path: Path) -> None:
    (tmp_path / "library.py").write_text("def parse(data):\n    return data\n")
    ran = fuzz_body(tmp_path, "import library\n\n\ndef TestOneInput(data):\n    library.parse(data)\n")
    assert ran.code == 3
    assert "no code has probes" in ran.output
    assert "Imported without probes: library." in ran.output
    assert "INITED" not in ran.output


def test_include_gives_probes_to_a_harness_that_has_none(tmp_path: Path) -> None:
    (tmp_path / "library.py").write_text("def parse(data):\n    if data[:4] == b'open':\n        raise KeyError\n")
    ran = fuzz_body(
        tmp_path,
        "import library\n\n\ndef TestOneInput(data):\n    library.parse(data)\n",
        options=("--include", "library"),
    )
    assert ran.code == 77, ran.output


def test_it_stops_when_no_input_reaches_a_probe(tmp_path: Path) -> None:
    body = "@atheris.instrument_func\ndef other():\n    pass\n\n\ndef TestOneInput(data):\n    pass\n"
    ran = fuzz_body(tmp_path, body, "-runs=100000")
    assert ran.code == 3
    assert "none of them reached any of the 1 probes" in ran.output
    assert ran.executions < 5000


def test_a_short_run_that_reached_nothing_is_told_at_its_end(tmp_path: Path) -> None:
    body = "@atheris.instrument_func\ndef other():\n    pass\n\n\ndef TestOneInput(data):\n    pass\n"
    ran = fuzz_body(tmp_path, body, "-runs=10")
    assert ran.code == 3
    assert "none of the inputs reached any probe" in ran.output


def test_modules_imported_too_early_are_named(tmp_path: Path) -> None:
    (tmp_path / "early.py").write_text("def parse(data):\n    return data\n")
    (tmp_path / "late.py").write_text("import early\n\n\ndef parse(data):\n    return early.parse(data)\n")
    ran = fuzz_body(
        tmp_path,
        """
        import early
        with atheris.instrument_imports():
            import late

        def TestOneInput(data):
            late.parse(data)
        """,
        "-runs=10",
    )
    assert ran.code == 0
    assert "imported without probes, and so out of sight: early" in ran.output
