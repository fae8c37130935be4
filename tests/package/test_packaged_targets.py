"""Targets of `pykcov package` do what ClusterFuzz expects, far from this Python. `make package-targets`."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import time
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
pytest.importorskip("PyInstaller", reason="targets are put together by PyInstaller: pip install 'pykcov[package]'")

HARNESSES = Path(__file__).parent / "harnesses"
EXCEPTION = r"^ === Uncaught Python exception: ===$"
# What it finds, and what of the report tells one finding from another.
FOUND = {
    "fuzz_argparse": "ZeroDivisionError--shapes.area--",
    "fuzz_hypothesis": "AssertionError--",
    "fuzz_everything": "AssertionError--",
    "fuzz_native": "ERROR: libFuzzer: deadly signal\n    #0 0x000000000000 in TestOneInput fuzz_native.py:",
    "fuzz_mutator": "ZeroDivisionError--shapes.area--",
}


def package(harness: str, folder: Path, *options: str) -> Path:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYKCOV")}
    command = [sys.executable, "-m", "pykcov", "package", harness, "-o", str(folder / "out"), *options]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "out" / done.stdout.split(";")[0].rpartition("/")[2]


def run(target: Path, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    # Nothing tells where this Python and its packages are.
    return subprocess.run(
        [str(target), *arguments],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the harnesses, with the extension module of one of them built."""
    folder = tmp_path_factory.mktemp("sources")
    for file in HARNESSES.iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    flags = subprocess.run(
        [sys.executable, "-m", "pykcov", "cflags"], capture_output=True, text=True, check=True
    ).stdout.split()
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    include = sysconfig.get_path("include")
    subprocess.run(
        [*("cc", "-g", "-O1", "-fPIC", "-shared", f"-I{include}"), *flags, "fragile.c", "-o", f"fragile{suffix}"],
        cwd=folder,
        check=True,
    )
    return folder


@pytest.mark.parametrize("name", FOUND)
def test_a_packaged_harness_finds_and_reproduces(name: str, sources: Path, tmp_path: Path) -> None:
    made = package(f"{name}.py", sources)
    # Elsewhere than it was made.
    elsewhere = tmp_path / "moved here"
    elsewhere.mkdir()
    target = elsewhere / name
    shutil.move(made, target)
    shutil.move(f"{made}.pkg", f"{target}.pkg")
    (tmp_path / "corpus").mkdir()

    fuzzed = run(target, "-runs=3000000", "-artifact_prefix=found-", "-print_final_stats=1", "corpus", folder=tmp_path)

    assert fuzzed.returncode == 77, fuzzed.stderr[-3000:]
    assert FOUND[name] in fuzzed.stderr
    assert "stat::number_of_executed_units:" in fuzzed.stderr
    if name != "fuzz_native":
        assert re.search(EXCEPTION, fuzzed.stderr, re.MULTILINE)
    [artifact] = tmp_path.glob("found-crash-*")
    reproduced = run(target, artifact.name, folder=tmp_path)
    assert reproduced.returncode == 77
    assert FOUND[name] in reproduced.stderr
    exact = run(target, artifact.name, "-exact_artifact_path=exact", folder=tmp_path)
    assert exact.returncode == 77
    (tmp_path / "harmless").write_bytes(b"")
    assert run(target, "harmless", folder=tmp_path).returncode == 0
    assert str(sys.prefix) not in fuzzed.stderr


def test_a_target_starts_with_its_probes_in(sources: Path, tmp_path: Path) -> None:
    target = package("fuzz_everything.py", sources)
    kept = [*Path(f"{target}.pkg").rglob("*.pykcov-*")]
    assert len(kept) > 100
    assert run(target, "-runs=1", folder=tmp_path).returncode == 0
    assert [*Path(f"{target}.pkg").rglob("*.pykcov-*")] == kept, "a target writes nothing into its folder"


def test_merge_minimize_fork_and_limits(sources: Path, tmp_path: Path) -> None:
    (sources / "fuzz_limits.py").write_text(
        "import sys, time\n"
        "import atheris\n"
        "@atheris.instrument_func\n"
        "def TestOneInput(data):\n"
        "    if data[:2] == b'TT':\n"
        "        while True: time.sleep(0.01)\n"
        "    if data[:2] == b'MM':\n"
        "        held = []\n"
        "        while True: held.append(b'm' * 1000000)\n"
        "    if data[:1] == b'K': raise KeyError('k')\n"
        "atheris.Setup(sys.argv, TestOneInput)\n"
        "atheris.Fuzz()\n"
    )
    target = package("fuzz_limits.py", sources)
    (tmp_path / "T").write_bytes(b"TT")
    timed_out = run(target, "-timeout=1", "T", folder=tmp_path)
    assert timed_out.returncode == 70
    assert re.search(
        r"ERROR: libFuzzer: timeout after \d+ seconds\n    #0 0x0+ in TestOneInput fuzz_limits.py:6$",
        timed_out.stderr,
        re.MULTILINE,
    )
    (tmp_path / "M").write_bytes(b"MM")
    too_large = run(target, "-rss_limit_mb=300", "M", folder=tmp_path)
    assert too_large.returncode == 71
    assert "ERROR: libFuzzer: out-of-memory" in too_large.stderr

    for name, data in {"old/a": b"a", "new/a": b"a", "new/b": b"", "new/c": b"Kaa", "new/d": b"Tb"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    merged = run(target, "-merge=1", "-merge_control_file=control", "old", "new", folder=tmp_path)
    assert merged.returncode == 0, merged.stderr
    assert (tmp_path / "control").stat().st_size > 0

    (tmp_path / "K").write_bytes(b"Ksomething long")
    shorter = run(target, "-minimize_crash=1", "-max_total_time=10", "-exact_artifact_path=short", "K", folder=tmp_path)
    assert shorter.returncode == 0, shorter.stderr[-2000:]
    assert (tmp_path / "short").read_bytes() == b"K"
    forked = run(target, "-fork=1", "-max_total_time=20", "old", folder=tmp_path)
    assert forked.returncode == 77
    replayed = run(target, "-runs=0", "old", folder=tmp_path)
    assert replayed.returncode == 0
    interrupted = subprocess.Popen([str(target), "T"], cwd=tmp_path, stderr=subprocess.PIPE)
    assert interrupted.stderr is not None
    while b"Running: T" not in (line := interrupted.stderr.readline()):
        assert line
    time.sleep(0.2)
    interrupted.terminate()
    assert interrupted.wait(60) == 72
    interrupted.stderr.close()


def test_what_lies_beside_a_target(sources: Path, tmp_path: Path) -> None:
    (tmp_path / "seeds" / "deep").mkdir(parents=True)
    (tmp_path / "seeds" / "one").write_bytes(b"1")
    (tmp_path / "seeds" / "deep" / "two").write_bytes(b"2")
    (tmp_path / "words").write_text('"circle"\n')
    (tmp_path / "flags").write_text("[libfuzzer]\nmax_len = 100\n")
    target = package(
        "fuzz_argparse.py",
        sources,
        *("--name", "areas", "--seeds", str(tmp_path / "seeds")),
        *("--dict", str(tmp_path / "words"), "--options", str(tmp_path / "flags")),
    )
    assert target.name == "areas"
    assert b"LLVMFuzzerTestOneInput" in target.read_bytes()
    with zipfile.ZipFile(f"{target}_seed_corpus.zip") as seeds:
        assert sorted(seeds.namelist()) == ["deep/two", "one"]
    assert Path(f"{target}.dict").read_text() == '"circle"\n'
    assert Path(f"{target}.options").read_text().startswith("[libfuzzer]")
    found = run(target, f"-dict={target}.dict", "-runs=1000000", folder=tmp_path)
    assert found.returncode == 77


def test_the_coverage_of_a_corpus_is_that_of_the_script(sources: Path, tmp_path: Path) -> None:
    target = package("fuzz_argparse.py", sources)
    (tmp_path / "corpus").mkdir()
    for number, data in enumerate((b"\x01circle:1", b"\x01square:", b"\x01x")):
        (tmp_path / "corpus" / str(number)).write_bytes(data)
    totals = []
    for harness in (str(target), str(sources / "fuzz_argparse.py")):
        file = tmp_path / "summary.json"
        command = ["corpus", "coverage", harness, str(tmp_path / "corpus"), "--summary", str(file)]
        subprocess.run([sys.executable, "-m", "pykcov", *command], check=True, stdout=subprocess.DEVNULL)
        [data] = json.loads(file.read_text())["data"]
        totals.append(data["totals"])
        assert [Path(one["filename"]).name for one in data["files"]] == ["shapes.py"]
    assert totals[0] == totals[1]
    assert totals[0]["branches"]["count"] == 4
    assert totals[0]["functions"]["percent"] == 100


def test_a_function_becomes_a_target(sources: Path, tmp_path: Path) -> None:
    (sources / "parsing.py").write_text(
        "def parse(data):\n    if data[:3] == b'bad':\n        raise ValueError('bad')\n"
    )
    target = package("parsing:parse", sources)
    assert target.name == "parsing.parse"
    found = run(target, "-runs=1000000", folder=tmp_path)
    assert found.returncode == 77
    assert "DEDUP_TOKEN: ValueError--parsing.parse" in found.stderr


@pytest.mark.parametrize("way", ["unchanged", "drop-in"])
def test_the_steps_of_oss_fuzz(way: str, sources: Path, tmp_path: Path) -> None:
    """One file by PyInstaller, started by a script: as compile_python_fuzzer of its base image does it."""
    text = (sources / "fuzz_argparse.py").read_text()
    script = sources / "fuzz_steps.py"
    options = ["--hidden-import=pykcov.atheris", "--exclude-module=atheris"]
    if way == "drop-in":
        text, options = text.replace("import atheris\n", "import pykcov.atheris as atheris\n"), []
    script.write_text(text)
    command = [
        *(sys.executable, "-m", "PyInstaller", "--distpath", tmp_path / "out", "--workpath", tmp_path / "work"),
        *("--specpath", tmp_path, "--onefile", "--name", "fuzz_steps.pkg", *options, script),
    ]
    subprocess.run(command, check=True, capture_output=True)
    target = tmp_path / "out" / "fuzz_steps"
    program = shlex.quote(f"{target}.pkg")
    target.write_text(f"#!/bin/sh\nLD_PRELOAD=$this_dir/sanitizer_with_fuzzer.so {program} $@\n")
    target.chmod(0o755)
    checked = run(target, "--", "-seed=1337", "-runs=4", folder=tmp_path)
    assert checked.returncode == 0
    assert re.search(r"INFO: Loaded \d+ module.*\(.*counters\):\s+\d+", checked.stderr)
    assert "Done 4 runs" in checked.stderr
    assert run(target, "-runs=3000000", folder=tmp_path).returncode == 77
