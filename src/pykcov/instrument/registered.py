"""What programs have registered by the code of a function, and look up by that of a frame.

trio, say, keeps in a weak map which code is protected from KeyboardInterrupt. Where a function gets other code, the
entries of its registries are made for that code, too. The old ones stay: calls that are running have the old code.
"""

import gc
from _weakref import getweakrefs
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator
from types import CodeType
from typing import Any

from pykcov._view import constants
from pykcov.instrument.alive import referents
from pykcov.instrument.skips import skip

_HOLDERS = {dict, set, defaultdict, OrderedDict}
_CHUNK = 10_000


def register_again(exchanged: Iterable[tuple[CodeType, CodeType]], thorough: bool) -> None:
    """Enter the new code into dictionaries and sets that have a weak reference to the old code as a key.

    exchanged: pairs of code before and after. Weak references are those with a callback, as those of WeakKeyDictionary
    and WeakSet are; one of a subclass is made by that class. Where that fails, skipped() says so. With `thorough`, also
    where the old code is a key itself: this cannot be seen from the code, so all objects are gone through.
    """
    # By the id of a key that may be found. The values keep the keys alive, so that ids stay their own.
    wanted: dict[int, tuple[object, CodeType]] = {}
    for before, after in exchanged:
        _collect(before, after, thorough, wanted)
    if not wanted:
        return
    kinds = {type(key) for key, _ in wanted.values()}
    for holder in _holders():
        # A copy, as another thread may change the holder.
        keys = list(holder)
        if not kinds.isdisjoint(map(type, keys)):
            for key in keys:
                if id(key) in wanted:
                    _enter(holder, key, wanted[id(key)][1])


def _collect(before: CodeType, after: CodeType, thorough: bool, wanted: dict[int, tuple[object, CodeType]]) -> None:
    if thorough:
        wanted[id(before)] = before, after
    for reference in getweakrefs(before):
        if reference.__callback__ is not None:
            wanted[id(reference)] = reference, after
    # The probes stand behind the constants of the code.
    for one, other in zip(constants(before), constants(after), strict=False):
        if type(one) is CodeType and type(other) is CodeType:
            _collect(one, other, thorough, wanted)


def _holders() -> Iterator[Any]:
    objects = gc.get_objects()
    yield from [found for found in objects if type(found) in _HOLDERS]
    # The collector does not know dictionaries of code and strings, say, but what refers to them.
    untracked: dict[int, Any] = {}
    for start in range(0, len(objects), _CHUNK):
        for found in referents(objects[start : start + _CHUNK]):
            if type(found) is dict and not gc.is_tracked(found):
                untracked[id(found)] = found
    yield from untracked.values()


def _enter(holder: Any, key: Any, code: CodeType) -> None:
    try:
        entry = code if type(key) is CodeType else type(key)(code, key.__callback__)
        if type(holder) is set:
            holder.add(entry)
        elif key in holder:
            holder.setdefault(entry, holder[key])
    except Exception as error:
        skip(code.co_qualname, f"what is registered by its code is not found any more: {type(error).__name__}: {error}")
