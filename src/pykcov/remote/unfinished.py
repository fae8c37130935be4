"""Which threads and jobs of a group are not done, by name."""

import gc
import sys
import time
from types import BuiltinFunctionType, FunctionType, MethodType

from pykcov._core import Carried, Group

_LOOKS = 5
_PAUSE = 0.0005


def unfinished(group: Group) -> list[str]:
    """Return the names of the threads and jobs of `group` that are not done.

    Threads that are at their last steps are given a moment to end: who waited for their work does not know of these.
    """
    for _ in range(_LOOKS):
        if not group.pending:
            return []
        time.sleep(_PAUSE)
    found = [_name(one.job) for one in gc.get_referrers(group) if type(one) is Carried and one.pending]
    return found + ["a job"] * (group.pending - len(found))


def _name(job: object) -> str:
    """Return what to call it. Nothing of the program's runs: neither its properties nor its __repr__."""
    if type(job) is MethodType:
        thread = getattr(sys.modules.get("threading"), "Thread", None)
        if thread in type(job.__self__).__mro__:
            return f"thread {object.__getattribute__(job.__self__, '__dict__').get('_name')}"
        job = job.__func__
    if type(job) is FunctionType or type(job) is BuiltinFunctionType:
        return f"{job.__module__}.{job.__qualname__}()"
    return f"an object of {type(job).__module__}.{type(job).__qualname__}"
