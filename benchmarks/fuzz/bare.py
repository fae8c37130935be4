"""Runs a harness over a corpus with neither instrumentation nor libFuzzer: no fuzzer can be faster.

python bare.py HARNESS CORPUS [--filter]

With --filter inputs that the harness raises something with are deleted, so that all others can be replayed to the end.
"""

import contextlib
import runpy
import sys
import types
from pathlib import Path

from pykcov.fuzz._provider import FuzzedDataProvider


def main() -> None:
    harness, corpus, *words = sys.argv[1:]
    inputs = [(path, path.read_bytes()) for path in sorted(Path(corpus).iterdir())]
    stub = types.ModuleType("atheris")
    declared = []

    def fuzz() -> None:
        for path, data in inputs:
            try:
                declared[0](data)
            except Exception:
                if "--filter" not in words:
                    raise
                path.unlink()
        print("DONE")
        sys.exit(0)

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
