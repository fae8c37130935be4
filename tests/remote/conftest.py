"""For the tests of what follows."""

import _thread
import sys
import threading
from collections.abc import Iterator
from importlib import import_module
from itertools import count
from pathlib import Path
from types import ModuleType

import pytest
from following import FUNCTIONS

from pykcov import Tracer

_numbers = count()


@pytest.fixture
def functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    # Each under a name of its own: the pcs of other processes name code by its module, not by its file.
    name = f"functions_to_follow_{next(_numbers)}"
    (tmp_path / f"{name}.py").write_text(FUNCTIONS)
    monkeypatch.syspath_prepend(tmp_path)
    yield import_module(name)
    del sys.modules[name]


@pytest.fixture
def tracer(functions: ModuleType, tmp_path: Path) -> Iterator[Tracer]:
    with Tracer(source=[tmp_path]) as tracer:
        yield tracer
    assert (_thread.start_new_thread, vars(threading)[STARTS]) == BEFORE


STARTS = "_start_joinable_thread" if hasattr(threading, "_start_joinable_thread") else "_start_new_thread"
BEFORE = _thread.start_new_thread, vars(threading)[STARTS]
