"""Fuzzing beside sanitizers: their reports are findings, of gcc's and of clang's, by AddressSanitizer and UBSan."""

import glob
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fuzzing import write_harness

from pykcov.fuzz.sanitizers import Report

SOURCE = """
#include <limits.h>
#include <stdlib.h>
#include <string.h>
char *volatile kept;
int broken(const char *data, int size)
{
    char *heap = malloc(4), stack[4];
    volatile int at = size + 3, zero = 0;
    switch (data[1]) {
    case 'o': heap[at] = 1; break;
    case 's': kept = stack; kept[at] = 1; break;
    case 'f': kept = heap; free(heap); kept[0] = 1; return 0;
    case 'd': kept = heap; free(heap); free(kept); return 0;
    case 'm': memcpy(heap, data, at); break;
    case 'n': kept = NULL; kept[0] = 1; break;
    case 'i': at += INT_MAX; break;
    case 'z': at /= zero; break;
    case 'h': at = 1 << (at + 40); break;
    }
    free(heap);
    return at;
}
"""
HARNESS = """
import ctypes

library = ctypes.CDLL("./library.so")


@atheris.instrument_func
def TestOneInput(data):
    if data[:1] == b"X" and data[1:] :
        library.broken(data, len(data))
"""
CLANGS = sorted(glob.glob("/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.asan-x86_64.so"))


def _runtime(name: str) -> str:
    path = subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True).stdout.strip()
    if not os.path.isabs(path):
        pytest.skip(f"gcc has no {name} here")
    return path


def _fuzz(folder: Path, letter: str, flags: str, preload: str) -> tuple[Path, str]:
    """Fuzz; return the one finding, and what the process that reproduces it says."""
    write_harness(folder, HARNESS)
    (folder / "library.c").write_text(SOURCE)
    gcc = ["gcc", "-g", "-O0", "-w", "-fPIC", *flags.split()]
    subprocess.run([*gcc, "-c", "library.c"], cwd=folder, check=True)
    # Without a runtime of its own: the one that is preloaded serves it.
    subprocess.run(["gcc", "-shared", "library.o", "-o", "library.so"], cwd=folder, check=True)
    (folder / "seeds").mkdir()
    (folder / "seeds" / "seed").write_bytes(b"X" + letter.encode() + b"xx")
    environment = os.environ | {"LD_PRELOAD": preload, "ASAN_OPTIONS": "detect_leaks=0"}
    words = [sys.executable, "-m", "pykcov", "fuzz", "-d", "out", "--minimize=2", "harness.py", "seeds", "-runs=2000"]
    ran = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    assert ran.returncode == 77, ran.stderr
    assert "not brought about" not in ran.stderr
    (finding,) = (folder / "out" / "findings").iterdir()
    words = [sys.executable, str(finding / "reproduce.py")]
    environment["UBSAN_OPTIONS"] = "halt_on_error=1"
    again = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    assert again.returncode != 0
    return finding, again.stderr


ADDRESS = {
    "o": "heap-buffer-overflow",
    "s": "stack-buffer-overflow",
    "f": "heap-use-after-free",
    "d": "double-free",
    "m": "heap-buffer-overflow",
    "n": "SEGV",
}


@pytest.mark.parametrize(("letter", "kind"), ADDRESS.items())
def test_a_report_of_address_sanitizer_is_a_finding(tmp_path: Path, letter: str, kind: str) -> None:
    finding, again = _fuzz(tmp_path, letter, "-fsanitize=address", _runtime("libasan.so"))
    facts = json.loads((finding / "finding.json").read_text())
    assert (facts["kind"], facts["token"]) == (kind, f"{kind}--broken")
    assert f"AddressSanitizer: {kind}" in (finding / "report.txt").read_text()
    assert f"AddressSanitizer: {kind}" in again


@pytest.mark.parametrize("letter", ["o", "f"])
def test_clangs_address_sanitizer_serves_as_well(tmp_path: Path, letter: str) -> None:
    if not CLANGS:
        pytest.skip("clang's runtime is not installed")
    finding, _ = _fuzz(tmp_path, letter, "-fsanitize=address", CLANGS[-1])
    facts = json.loads((finding / "finding.json").read_text())
    assert facts["kind"] == ADDRESS[letter]
    # Where nothing symbolizes, the place in the shared object.
    assert facts["token"].startswith((f"{ADDRESS[letter]}--broken", f"{ADDRESS[letter]}--library.so+0x"))


@pytest.mark.parametrize(
    ("letter", "kinds"),  # of gcc 12, and of later ones
    [
        ("i", {"signed-integer-overflow"}),
        ("z", {"division-by-zero", "integer-divide-by-zero"}),
        ("h", {"shift-exponent", "invalid-shift-exponent"}),
    ],
)
def test_a_report_of_ubsan_is_a_finding(tmp_path: Path, letter: str, kinds: set[str]) -> None:
    finding, again = _fuzz(tmp_path, letter, "-fsanitize=undefined", _runtime("libubsan.so"))
    facts = json.loads((finding / "finding.json").read_text())
    assert facts["kind"] in kinds
    assert facts["token"] == f"{facts['kind']}--broken"
    assert "runtime error: " in again


CPP = """\
==1==ERROR: AddressSanitizer: attempting double-free on 0x602000000010 in thread T0:
    #0 0x7f1 in operator delete(void*) ../../src/libsanitizer/asan/asan_new_delete.cpp:152
    #1 0x7f2 in ns::Parser<int>::reset(std::string const&, int) /src/my project/parser.cc:10:3
    #2 0x7f3 in parse_all (/usr/lib/x.so+0x12) (BuildId: ab)
    #3 0x7f4 in _PyEval_EvalFrameDefault Python/ceval.c:4769
    #4 0x7f5 in never /src/a.c:1

freed by thread T0 here:
    #0 0x7f1 in other /src/b.c:1

SUMMARY: AddressSanitizer: double-free /src/parser.cc:10:3 in ns::Parser<int>::reset(std::string const&, int)
"""


@pytest.mark.parametrize(
    ("text", "token"),
    [
        (CPP, "double-free--ns::Parser<int>::reset--parse_all"),
        (CPP.replace("SUMMARY", "x"), "attempting--ns::Parser<int>::reset--parse_all"),
        ("a.c:5:3: runtime error: shift exponent 40 is too large\n", "shift-exponent"),
        ("a.c:5:3: runtime error: load of null pointer of type 'int'\n", "load-of-null-pointer"),
        ("", "sanitizer"),
        ("\n".join(f"    #{n} 0x1 in f{n} /a.c:1" for n in range(9)), "sanitizer--f0--f1--f2"),
    ],
)
def test_reports_are_told_apart_by_kind_and_innermost_functions(text: str, token: str) -> None:
    assert Report.of(text).token == token
