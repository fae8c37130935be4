"""Runs a harness with neither instrumentation nor libFuzzer: no fuzzer can be faster.

python bare.py HARNESS              with one empty input, again and again
python bare.py HARNESS --filter CORPUS

The second deletes the inputs of a folder that the harness raises something with, so that all others can be replayed.
"""

import contextlib
import runpy
import sys
import types
from pathlib import Path

from pykcov.fuzz._provider import FuzzedDataProvider


def main() -> None:
    harness, *words = sys.argv[1:]
    stub = types.ModuleType("atheris")
    declared = []

    def fuzz() -> None:
        while not words:
            declared[0](b"")
        for path in Path(words[1]).iterdir():
            try:
                declared[0](path.read_bytes())
            except Exception:
                path.unlink()

    vars(stub).update(
        FuzzedDataProvider=FuzzedDataProvider,
        ALL_REMAINING=2**64 - 1,
        instrument_imports=lambda *_, **__: contextlib.nullcontext(),
        instrument_func=lambda function: function,
        instrument_all=lambda: None,
        Setup=lambda _, function: declared.append(function),
        Fuzz=fuzz,
    )
    sys.modules["atheris"] = stub
    sys.argv[:] = [harness]
    sys.path[0] = str(Path(harness).parent)
    runpy.run_path(harness, run_name="__main__")


if __name__ == "__main__":
    main()
