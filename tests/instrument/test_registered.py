"""What a program has registered by the code of a function is found after the function got probes."""

import subprocess
import sys
from collections import OrderedDict, defaultdict
from types import CodeType, FunctionType
from typing import Any
from weakref import WeakKeyDictionary, WeakSet, ref

import pytest

import pykcov
from pykcov.instrument.functions import instrument_functions


class IdentityReference(ref):  # type: ignore[type-arg]
    """As trio's: equal to another one of the same object, not of an equal one."""

    __slots__ = ("_hash",)

    def __new__(cls, code: CodeType, callback: Any = None) -> Any:
        self: Any = super().__new__(cls, code, callback)
        self._hash = object.__hash__(code)
        return self

    def __hash__(self) -> int:
        number: int = self._hash  # type: ignore[attr-defined]
        return number

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, IdentityReference) and self() is other())


class IdentityDictionary:
    def __init__(self) -> None:
        self.data: dict[IdentityReference, str] = {}

    def __setitem__(self, code: CodeType, value: str) -> None:
        self.data[IdentityReference(code, self.data.pop)] = value

    def __getitem__(self, code: CodeType) -> str:
        return self.data[IdentityReference(code)]


class Members(WeakSet[CodeType]):
    def __setitem__(self, code: CodeType, value: str) -> None:
        self.add(code)

    def __getitem__(self, code: CodeType) -> str:
        return "it" if code in self else "nothing"


class StrongMembers:
    def __init__(self) -> None:
        self.codes: set[CodeType] = set()

    def __setitem__(self, code: CodeType, value: str) -> None:
        self.codes.add(code)

    def __getitem__(self, code: CodeType) -> str:
        return "it" if code in self.codes else "nothing"


REGISTRIES: dict[str, Any] = {
    "dict": dict,
    "defaultdict": lambda: defaultdict(lambda: "nothing"),
    "OrderedDict": OrderedDict,
    "set": StrongMembers,
    "WeakKeyDictionary": WeakKeyDictionary,
    "WeakSet": Members,
    "trio's": IdentityDictionary,
}


def protected_function(registry: Any) -> FunctionType:
    namespace: dict[str, Any] = {"__name__": "registering", "registry": registry, "sys": sys}
    exec("def f():\n    return registry[sys._getframe().f_code]\n", namespace)
    function: FunctionType = namespace["f"]
    registry[function.__code__] = "it"
    return function


@pytest.mark.parametrize("name", REGISTRIES)
def test_running_code_finds_what_was_registered_by_the_code_before(name: str) -> None:
    function = protected_function(REGISTRIES[name]())
    before = function.__code__
    instrument_functions([function], "block", thorough=True)
    assert function.__code__ is not before
    assert function() == "it"


@pytest.mark.parametrize("name", REGISTRIES)
def test_finer_probes_keep_the_registration(name: str) -> None:
    function = protected_function(REGISTRIES[name]())
    instrument_functions([function], "block", thorough=True)
    before = function.__code__
    instrument_functions([function], "line", compare=True, thorough=True)
    assert function.__code__ is not before
    assert function() == "it"


@pytest.mark.parametrize("name", ["WeakKeyDictionary", "WeakSet", "trio's"])
def test_weak_registrations_are_found_for_a_single_function(name: str) -> None:
    function = protected_function(REGISTRIES[name]())
    pykcov.instrument(function)
    assert function() == "it"


def test_nested_functions_are_found_too() -> None:
    registry: dict[CodeType, str] = {}
    namespace: dict[str, Any] = {"__name__": "registering", "registry": registry, "sys": sys}
    exec("def f():\n    def g():\n        return registry[sys._getframe().f_code]\n    return g()\n", namespace)
    function = namespace["f"]
    [nested] = [constant for constant in function.__code__.co_consts if type(constant) is CodeType]
    registry[nested] = "it"
    instrument_functions([function], "block", thorough=True)
    assert function() == "it"


def test_looking_for_registries_leaves_dead_objects_of_modules_dead() -> None:
    """Up to CPython 3.12.5, asyncio's module refers to iterators of futures that are to be used again.

    Once they were seen there, they are used twice, and the process crashes or hangs at its end.
    """
    script = (
        "import asyncio\n"
        "from pykcov.instrument.functions import instrument_functions\n"
        "loop = asyncio.new_event_loop()\n"
        "futures = [loop.create_future() for _ in range(10)]\n"
        "def f(): return 1\n"
        "for _ in range(3):\n"
        "    iterators = [iter(future) for future in futures]\n"
        "    assert len({id(one) for one in iterators}) == len(futures)\n"
        "    del iterators\n"
        "    instrument_functions([f], 'block', thorough=True)\n"
        "loop.close()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], timeout=60, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_reference_that_cannot_be_made_is_named_and_harms_nothing() -> None:
    class Odd(ref):  # type: ignore[type-arg]
        def __new__(cls, code: CodeType, callback: Any, name: str) -> Any:
            return super().__new__(cls, code, callback)

        def __init__(self, code: CodeType, callback: Any, name: str) -> None: ...

    namespace: dict[str, Any] = {"__name__": "registering"}
    exec("def odd():\n    return 1\n", namespace)
    registry = {Odd(namespace["odd"].__code__, lambda _: None, "odd"): 1}
    pykcov.instrument(namespace["odd"])
    assert namespace["odd"]() == 1
    assert len(registry) == 1
    assert any(one.name == "odd" and "registered by its code" in one.reason for one in pykcov.skipped())
