"""The Python functions of the process, and the code that runs at this moment."""

import gc
import sys
from _weakref import ref
from collections.abc import Iterable, Iterator
from types import AsyncGeneratorType, CodeType, CoroutineType, FrameType, FunctionType, GeneratorType, ModuleType
from typing import Any

from pykcov._view import constants
from pykcov.instrument.code import is_instrumented
from pykcov.instrument.selection import namespace_of

IS_FREE_THREADED = "t" in sys.abiflags
"""Whether this build of CPython can run without a GIL."""

_MAKES_IMMORTAL = IS_FREE_THREADED and sys.version_info < (3, 14)
"""Whether functions, code, modules and their namespaces become immortal once there is a second thread: the collector
then does not know them any more."""
_IMMORTAL = frozenset((FunctionType, CodeType, ModuleType, dict))


def functions(*, frozen: bool = True) -> list[FunctionType]:
    """Return every Python function that is alive: also methods, closures, and what nothing refers to by name.

    frozen: False is for those who have called find_hidden(), and do without what is hidden since.
    """
    if frozen:
        find_hidden()
    reached = [function for reference in _frozen[1] if (function := reference()) is not None]
    # No list display: the list that it makes would be among the objects, and refer to itself.
    return [found for found in gc.get_objects() + _immortal[1] if type(found) is FunctionType] + reached


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
        return [found for found in gc.get_objects() + _immortal[1] if type(found) is CodeType]
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
# Count of modules, and the functions and code that had become immortal when it was that.
_immortal: tuple[int, list[FunctionType | CodeType]] = (0, [])


def find_hidden(*, more: bool = False) -> None:
    """Find the functions that get_objects() does not name, as gc.freeze() hides them or they are immortal.

    It takes long for frozen ones, so it is done only if another number of objects is frozen now. `more`: only if there
    are more, not if some have died; for immortal ones, if something was imported.
    """
    global _frozen, _immortal
    are_immortal = _MAKES_IMMORTAL and not gc.is_tracked(find_hidden)
    if are_immortal and not (more and len(sys.modules) == _immortal[0]):
        _immortal = len(sys.modules), _immortal_objects()
    before, count = _frozen[0], gc.get_freeze_count()
    if count > before or (count < before and not more):
        _frozen = count, [ref(function) for function in _reachable_functions()] if count else []


def _immortal_objects() -> list[FunctionType | CodeType]:
    """Return the functions and code that are reachable by way of what the collector does not know any more."""
    seen: dict[int, Any] = {}
    new = gc.get_objects()
    while new:
        found_now = {
            id(found): found for found in referents(new) if type(found) in _IMMORTAL and not gc.is_tracked(found)
        }
        new = [found_now[key] for key in found_now.keys() - seen.keys()]
        seen.update({id(found): found for found in new})
    return [found for found in seen.values() if type(found) in (FunctionType, CodeType)]


def _reachable_functions() -> list[FunctionType]:
    """Return the functions that are reachable but not in get_objects(). It takes 20 times as long as get_objects()."""
    objects = gc.get_objects() + _immortal[1]
    seen = {id(found): found for found in objects}
    reached: list[FunctionType] = []
    new: list[Any] = [sys.modules, *objects]
    while new:
        found_now = {id(found): found for found in referents(new) if gc.is_tracked(found)}
        new = [found_now[key] for key in found_now.keys() - seen.keys()]
        seen.update({id(found): found for found in new})
        reached += [found for found in new if type(found) is FunctionType]
    return reached
