"""The Python functions of the process, and the code that runs at this moment."""

import gc
import sys
from types import AsyncGeneratorType, CoroutineType, FrameType, FunctionType, GeneratorType
from typing import Any


def functions() -> list[FunctionType]:
    """Return every Python function that is alive: also methods, closures, and what nothing refers to by name."""
    return [found for found in _objects() if type(found) is FunctionType]


def running_codes() -> set[int]:
    """Return the ids of the code objects that threads, generators and coroutines are in the middle of."""
    running = set()
    for innermost in sys._current_frames().values():
        frame: FrameType | None = innermost
        while frame is not None:
            running.add(id(frame.f_code))
            frame = frame.f_back
    for found in _objects():
        if type(found) is GeneratorType and found.gi_frame is not None:
            running.add(id(found.gi_code))
        elif type(found) is CoroutineType and found.cr_frame is not None:
            running.add(id(found.cr_code))
        elif type(found) is AsyncGeneratorType and found.ag_frame is not None:
            running.add(id(found.ag_code))
    return running


def _objects() -> list[Any]:
    objects = gc.get_objects()
    if not gc.get_freeze_count():
        return objects
    # gc.freeze() hides objects from get_objects(): go to everything that can be reached.
    found = {id(reached): reached for reached in objects}
    new: list[Any] = [sys.modules, *objects]
    while new:
        reached = {id(one): one for one in gc.get_referents(*new) if gc.is_tracked(one)}
        new = [reached[number] for number in reached.keys() - found.keys()]
        found.update({id(one): one for one in new})
    return list(found.values())
