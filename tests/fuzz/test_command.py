"""`pykcov fuzz` with harnesses as they are written for Atheris."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fuzzing import HEAD, TAIL, fuzz, fuzz_body, write_harness

PLANTED = """\
@atheris.instrument_func
def parse(text):
    if text.startswith("key:"):
        if text[4:] == "magic-value":
            raise ValueError("planted")


@atheris.instrument_func
def TestOneInput(data):
    provider = atheris.FuzzedDataProvider(data)
    parse(provider.ConsumeUnicodeNoSurrogates(40))
"""


def test_an_unchanged_harness_finds_a_planted_bug_and_leaves_all_that_is_needed_to_see_it_again(tmp_path: Path) -> None:
    ran = fuzz_body(tmp_path, PLANTED)
    assert ran.code == 77, ran.output
    (finding,) = ran.findings
    facts = json.loads((finding / "finding.json").read_text())
    assert facts["kind"] == "ValueError"
    assert facts["token"] == "ValueError--__main__.parse--__main__.TestOneInput"
    assert b"key:magic-value" in (finding / "input").read_bytes()
    report = (finding / "report.txt").read_text()
    assert 'line 9, in parse\n    raise ValueError("planted")' in report
    assert "pykcov" not in report
    again = subprocess.run([sys.executable, str(finding / "reproduce.py")], capture_output=True, text=True)
    assert again.returncode == 1
    assert report in again.stderr


def test_the_same_harness_runs_under_atheris(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="Atheris is not installed")
    body = PLANTED.replace("parse(provider.ConsumeUnicodeNoSurrogates(40))", "parse(provider.ConsumeBytes(40))")
    body = body.replace('text.startswith("key:")', 'text[:1] == b"k"').replace(
        'text[4:] == "magic-value"', 'text[1:2] == b"m"'
    )
    path = write_harness(tmp_path, body)
    words = [sys.executable, str(path), "-seed=1", "-runs=1000000"]
    theirs = subprocess.run(words, capture_output=True, text=True, errors="replace", cwd=tmp_path)
    assert "ValueError: planted" in theirs.stdout + theirs.stderr
    ours = fuzz(tmp_path, "harness.py", "-seed=1", "-runs=1000000")
    assert ours.code == theirs.returncode == 77


def test_python_runs_a_harness_that_imports_our_module(tmp_path: Path) -> None:
    source = (HEAD + PLANTED + TAIL).replace("import atheris\n", "import pykcov.atheris as atheris\n")
    path = write_harness(tmp_path, source, whole=True)
    done = subprocess.run(
        [sys.executable, str(path), "-seed=1", "-runs=300000"], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 77
    assert "DEDUP_TOKEN: ValueError--__main__.parse--__main__.TestOneInput" in done.stderr
    (crash,) = tmp_path.glob("crash-*")
    assert b"key:magic-value" in crash.read_bytes()


def test_the_input_is_made_shorter(tmp_path: Path) -> None:
    ran = fuzz_body(
        tmp_path,
        """
        @atheris.instrument_func
        def TestOneInput(data):
            if b"needle" in data and len(data) > 8:
                raise KeyError
        """,
    )
    (finding,) = ran.findings
    shorter = (
        (finding / "minimized").read_bytes() if (finding / "minimized").exists() else (finding / "input").read_bytes()
    )
    assert len(shorter) == 9
    assert b"needle" in shorter


def test_keep_going_collects_unique_findings(tmp_path: Path) -> None:
    ran = fuzz_body(
        tmp_path,
        """
        @atheris.instrument_func
        def first(data):
            raise ValueError(data)

        @atheris.instrument_func
        def second(data):
            raise ValueError(data)

        @atheris.instrument_func
        def TestOneInput(data):
            if data[:1] == b"1":
                first(data)
            if data[:1] == b"2":
                second(data)
        """,
        options=("--keep-going", "2", "--minimize", "0"),
    )
    assert ran.code == 77
    assert len(ran.findings) == 2
    assert ran.output.count("=== Uncaught Python exception: ===") == 2


def test_nothing_found_is_zero_and_the_corpus_is_kept(tmp_path: Path) -> None:
    body = """
        @atheris.instrument_func
        def TestOneInput(data):
            if data[:1] == b"a":
                if data[1:2] == b"b":
                    pass
        """
    ran = fuzz_body(tmp_path, body, "-runs=20000")
    assert ran.code == 0, ran.output
    kept = [path.read_bytes() for path in (tmp_path / "out" / "corpus").iterdir()]
    assert any(data.startswith(b"ab") for data in kept)
    again = fuzz_body(tmp_path, body, "-runs=0")
    assert again.code == 0
    assert f"{len(kept)} files found in" in again.output


def test_atheris_runs_is_an_exact_number_of_executions(tmp_path: Path) -> None:
    ran = fuzz_body(tmp_path, "@atheris.instrument_func\ndef TestOneInput(data):\n    pass\n", "-atheris_runs=777")
    assert ran.code == 0
    assert ran.executions == 777


def test_mutators_of_the_harness_make_the_inputs(tmp_path: Path) -> None:
    write_harness(
        tmp_path,
        """
        import sys, zlib, atheris

        def mutate(data, max_size, seed):
            try:
                text = zlib.decompress(data)
            except zlib.error:
                text = b"Hi"
            return zlib.compress(atheris.Mutate(text, len(text) + 4))

        def cross(first, second, max_size, seed):
            return first

        @atheris.instrument_func
        def TestOneInput(data):
            try:
                text = zlib.decompress(data)
            except zlib.error:
                return
            if text[:2] == b"FU":
                raise RuntimeError("Boom")

        atheris.Setup(sys.argv, TestOneInput, custom_mutator=mutate, custom_crossover=cross)
        atheris.Fuzz()
        """,
        whole=True,
    )
    ran = fuzz(tmp_path, "harness.py", "-seed=1", "-runs=300000")
    assert ran.code == 77
    assert "RuntimeError: Boom" in ran.output


def test_what_is_imported_when_an_input_needs_it_gets_probes(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("def load():\n    from package import late\n    return late\n")
    (package / "late.py").write_text(
        "def check(data):\n    if data[1:5] == b'late':\n        if data[5:9] == b'code':\n            raise KeyError\n"
    )
    ran = fuzz_body(
        tmp_path,
        """
        with atheris.instrument_imports():
            import package

        def TestOneInput(data):
            if data[:1] == b"x":
                package.load().check(data)
        """,
    )
    assert ran.code == 77, ran.output
    assert "pykcov: imported by an input, with probes: package.late\n" in ran.output


def test_a_function_and_a_script_with_fuzzerrunone_are_harnesses_too(tmp_path: Path) -> None:
    (tmp_path / "library.py").write_text("def parse(data):\n    if data[:5] == b'break':\n        raise LookupError\n")
    ran = fuzz(tmp_path, "library:parse", "-seed=1", "-runs=300000")
    assert ran.code == 77, ran.output
    (tmp_path / "script.py").write_text("import library\n\n\ndef FuzzerRunOne(data):\n    library.parse(data)\n")
    ran = fuzz(tmp_path, "script.py", "-seed=1", "-runs=300000")
    assert ran.code == 77, ran.output
