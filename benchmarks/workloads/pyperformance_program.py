"""Programs of pyperformance, from where pip has put them: not run by pyperf, but by our worker, in small parts."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pyperformance


def load(name: str) -> ModuleType:
    """Import a program, as bm_NAME."""
    folder = Path(pyperformance.__file__).parent / "data-files" / "benchmarks" / f"bm_{name}"
    spec = importlib.util.spec_from_file_location(f"bm_{name}", folder / "run_benchmark.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
