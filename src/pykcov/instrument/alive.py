"""The Python functions of the process, and the code that runs at this moment."""

import gc
import sys
from _weakref import ref
from types import AsyncGeneratorType, CoroutineType, FunctionType, GeneratorType, ModuleType
from typing import Any

from pykcov.instrument.selection import namespace_of


def functions() -> list[FunctionType]:
    """Return every Python function that is alive: also methods, closures, and what nothing refers to by name."""
    return [found for found in gc.get_objects() if type(found) is FunctionType] + _frozen_functions()


def running_in_threads() -> set[int]:
    """Return the ids of the code objects that threads are in the middle of."""
    running = set()
    frames = list(sys._current_frames().values())
    while frames:
        frame = frames.pop()
        running.add(id(frame.f_code))
        if frame.f_back is not None:
            frames.append(frame.f_back)
    # One of them was that of this function: a cycle would keep what the callers refer to alive.
    del frame
    return running


def suspended() -> set[int]:
    """Return the ids of the code objects that generators and coroutines are in the middle of."""
    codes = set()
    for found in gc.get_objects():
        if type(found) is GeneratorType and found.gi_frame is not None:
            codes.add(id(found.gi_code))
        elif type(found) is CoroutineType and found.cr_frame is not None:
            codes.add(id(found.cr_code))
        elif type(found) is AsyncGeneratorType and found.ag_frame is not None:
            codes.add(id(found.ag_code))
    return codes


# Count of frozen objects, and the functions among them when it was that. CPython 3.12 freezes importlib at its start.
_frozen: tuple[int, list["ref[FunctionType]"]] = (0, [])


def _frozen_functions() -> list[FunctionType]:
    """Return the functions that gc.freeze() hides from get_objects(), as far as they can be reached."""
    global _frozen
    count, known = _frozen
    if count != gc.get_freeze_count():
        count = gc.get_freeze_count()
        known = [ref(function) for function in _reachable_functions()] if count else []
        _frozen = count, known
    return [function for reference in known if (function := reference()) is not None]


def _reachable_functions() -> list[FunctionType]:
    """Return the functions that are reachable but not in get_objects(). It takes 20 times as long as get_objects()."""
    objects = gc.get_objects()
    seen = {id(found): found for found in objects}
    reached: list[FunctionType] = []
    new: list[Any] = [sys.modules, *objects]
    while new:
        # What is in a module is in its dictionary. One written in C may refer to objects that are dead: up to 3.12.5
        # asyncio's does, and whoever asks for them makes them live a second time (CPython's issue 122695).
        modules = [found for found in new if issubclass(type(found), ModuleType)]
        others = [found for found in new if not issubclass(type(found), ModuleType)]
        found_now = [*gc.get_referents(*others), *map(namespace_of, modules)]
        referents = {id(found): found for found in found_now if gc.is_tracked(found)}
        new = [referents[key] for key in referents.keys() - seen.keys()]
        seen.update({id(found): found for found in new})
        reached += [found for found in new if type(found) is FunctionType]
    return reached
