"""A finding that cannot be saved is not lost, and what an input imports is named."""

import base64
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fuzzing import fuzz_body, write_harness

TWO = """
        import resource

        @atheris.instrument_func
        def TestOneInput(data):
            if data[:1] == b"a":
                {}
                raise KeyError("first")
            if data[:1] == b"b":
                raise IndexError("second")
        """


def _seeds(folder: Path) -> None:
    (folder / "seeds").mkdir()
    (folder / "seeds" / "1").write_bytes(b"a\xff")
    (folder / "seeds" / "2").write_bytes(b"b\xfe\xfe")


def _told(output: str) -> set[bytes]:
    return {base64.b64decode(word) for word in re.findall(r"its input, in base64: (\S+)", output)}


@pytest.mark.parametrize(
    "harm",
    [
        "import os; os.rmdir('out/findings'); os.mkfifo('out/findings')",
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))",  # no descriptor left
        "import shutil; shutil.rmtree('out/findings'); open('out/findings', 'w').close()",  # no folder
        "import os; os.rmdir('out/findings'); os.symlink('/proc/nowhere', 'out/findings')",
        "import os; os.rmdir('out/findings'); os.symlink('findings', 'out/findings')",  # too many links
    ],
)
def test_the_input_of_a_finding_that_cannot_be_saved_is_told(tmp_path: Path, harm: str) -> None:
    _seeds(tmp_path)
    ran = fuzz_body(tmp_path, TWO.format(harm), "seeds", "-runs=100", options=("--keep-going=9", "--minimize=0"))
    assert ran.code == 77, ran.output
    assert "Traceback" not in ran.output.replace("exception: ===\nTraceback", "")
    assert b"a\xff" in _told(ran.output)
    assert "IndexError: second" in ran.output  # it went on
    assert not list((tmp_path / "out" / "findings").glob("KeyError*"))


def test_a_full_disk_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    write_harness(tmp_path, TWO.format("pass"))
    _seeds(tmp_path)
    script = (
        "mkdir -p out/findings && mount -t tmpfs -o size=16k none out/findings || exit 99; "
        f"head -c 1000000 /dev/zero > out/findings/zeros 2>/dev/null; {sys.executable} -m pykcov fuzz -d out "
        "--keep-going=9 --minimize=0 harness.py seeds -runs=100; echo code $?; ls out/findings"
    )
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    ran = subprocess.run(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if ran.returncode == 99 or "unshare" in ran.stdout:
        pytest.skip("no filesystem can be mounted here")
    assert "No space left on device" in ran.stdout
    assert _told(ran.stdout) == {b"a\xff", b"b\xfe\xfe"}
    assert ran.stdout.endswith("code 77\nzeros\n")  # nothing half done is left


def test_a_package_that_an_input_imports_without_probes_is_named_once(tmp_path: Path) -> None:
    for name in ("late", "early", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("def f(): return 1\n")
    body = """
        import early

        @atheris.instrument_func
        def TestOneInput(data):
            if data[:1] == b"a":
                import late
            import json.tool
            if data[:1] == b"b":
                import other
                del sys.modules["other"]
        """
    _seeds(tmp_path)
    ran = fuzz_body(tmp_path, body, "seeds", "-runs=200")
    assert ran.code == 0, ran.output
    told = [line for line in ran.output.splitlines() if "without probes" in line]
    assert told == [
        "pykcov: imported without probes, and so out of sight: early",
        "pykcov: imported by an input without probes, and so out of sight: late",
    ]
