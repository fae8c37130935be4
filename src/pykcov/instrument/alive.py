"""The Python functions of the process, and the code that runs at this moment."""

import gc
import sys
from _weakref import ref
from collections.abc import Callable, Iterable, Iterator
from types import AsyncGeneratorType, CodeType, CoroutineType, FrameType, FunctionType, GeneratorType, ModuleType
from typing import Any

from pykcov._view import constants
from pykcov.instrument.code import is_instrumented
from pykcov.instrument.selection import namespace_of

IS_FREE_THREADED = "t" in sys.abiflags
"""Whether this build of CPython can run without a GIL."""

_HIDES = IS_FREE_THREADED and sys.version_info < (3, 14)
"""Whether what is in _HIDDEN, and classes, become immortal once there is a second thread: the collector then does not
know them any more."""
_HIDDEN = (FunctionType, CodeType, ModuleType, dict)


def functions(*, frozen: bool = True) -> list[FunctionType]:
    """Return every Python function that is alive: also methods, closures, and what nothing refers to by name.

    frozen: False is for those who have called find_frozen(), and do without what is frozen since.
    """
    if frozen:
        find_frozen()
    hidden = [function for reference in _frozen[1] if (function := reference()) is not None]
    return [found for found in _objects() if type(found) is FunctionType] + hidden


def _objects() -> list[Any]:
    """Return what the collector knows, and what it does not know any more."""
    objects = gc.get_objects()
    return [*objects, *_reached_from(objects, _is_hidden)] if _HIDES else objects


def _is_hidden(found: Any) -> bool:
    return not gc.is_tracked(found) and (type(found) in _HIDDEN or issubclass(type(found), type))


def _reached_from(objects: list[Any], leads_on: Callable[[Any], bool]) -> list[Any]:
    """Return what is reachable from objects by way of others that `leads_on` is true for, without the objects."""
    seen = {id(found): found for found in objects}
    reached: list[Any] = []
    new = objects
    while new:
        found_now = {id(found): found for found in referents(new) if leads_on(found)}
        new = [found_now[key] for key in found_now.keys() - seen.keys()]
        seen.update({id(found): found for found in new})
        reached += new
    return reached


def running_in_threads() -> list[CodeType]:
    """Return the code that threads are in the middle of: of all their frames.

    In a free-threaded build of the calling thread's alone: a frame may be gone while another thread looks at it.
    """
    running = []
    frames: list[FrameType | None] = [sys._getframe()] if IS_FREE_THREADED else list(sys._current_frames().values())
    for frame in frames:
        while frame is not None:
            running.append(frame.f_code)
            frame = frame.f_back
    # One of them was that of this function: a cycle would keep what the callers refer to alive.
    del frame, frames
    return running


def in_use(functions: Iterable[FunctionType]) -> list[CodeType]:
    """Return the code of functions and what threads are in the middle of, and maybe code that is in use no more."""
    if IS_FREE_THREADED:
        # There the collector knows code, too.
        return [found for found in _objects() if type(found) is CodeType]
    return [function.__code__ for function in functions] + running_in_threads()


def suspended() -> list[CodeType]:
    """Return the code that generators and coroutines are in the middle of."""
    codes = []
    for found in gc.get_objects():
        if type(found) is GeneratorType and found.gi_frame is not None:
            codes.append(found.gi_code)
        elif type(found) is CoroutineType and found.cr_frame is not None:
            codes.append(found.cr_code)
        elif type(found) is AsyncGeneratorType and found.ag_frame is not None:
            codes.append(found.ag_code)
    return codes


def instrumented_within(codes: Iterable[CodeType]) -> Iterator[CodeType]:
    """Yield those that have probes, the last ones first, and what of the code that is nested in them has probes."""
    seen = set()
    todo = list(codes)
    while todo:
        code = todo.pop()
        if id(code) not in seen:
            seen.add(id(code))
            if is_instrumented(code):
                yield code
                todo += [constant for constant in constants(code) if type(constant) is CodeType]


def referents(objects: Iterable[Any]) -> list[Any]:
    """Return what objects refer to; what modules have beside their namespaces is left out.

    A module that is written in C may refer to objects that are dead. asyncio's does up to 3.12.5, and whoever asks for
    them makes them live a second time: two tasks then wait with one iterator (CPython's issue 122695).
    """
    objects = list(objects)
    kinds = {kind for kind in set(map(type, objects)) if issubclass(kind, ModuleType)}
    if not kinds:
        return gc.get_referents(*objects)
    modules = [each for each in objects if type(each) in kinds]
    others = [each for each in objects if type(each) not in kinds]
    return [*gc.get_referents(*others), *map(namespace_of, modules)]


# Count of frozen objects, and the functions among them when it was that. CPython 3.12 freezes importlib at its start.
_frozen: tuple[int, list["ref[FunctionType]"]] = (0, [])


def find_frozen(*, more: bool = False) -> None:
    """Find the functions that gc.freeze() hides from get_objects(), as far as they can be reached.

    It takes long, so it is done only if another number of objects is frozen now. `more`: only if there are more, not
    if some have died.
    """
    global _frozen
    before, count = _frozen[0], gc.get_freeze_count()
    if count > before or (count < before and not more):
        _frozen = count, [ref(function) for function in _reachable_functions()] if count else []


def _reachable_functions() -> list[FunctionType]:
    """Return the functions that are reachable but not in get_objects(). It takes 20 times as long as get_objects()."""
    reached = _reached_from([sys.modules, *_objects()], gc.is_tracked)
    return [found for found in reached if type(found) is FunctionType]
