"""The Python functions in an object: in a function or method, in what wraps one, in a class or module.

Looking into an object runs none of the program's code: no attribute is asked for that a class could compute.
"""

import functools
import gc
from collections.abc import Iterator
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)

from pykcov.instrument import alive
from pykcov.instrument.selection import namespace_of
from pykcov.instrument.skips import skip

# The attributes of wrappers that hold what they wrap. All are slots of C types.
_parts_of_wrapper: dict[type, tuple[str, ...]] = {
    MethodType: ("__func__",),
    staticmethod: ("__func__",),
    classmethod: ("__func__",),
    property: ("fget", "fset", "fdel"),
    functools.partial: ("func",),
}
# The same for classes written in Python.
_parts_of_instance: dict[type, tuple[str, ...]] = {
    functools.partialmethod: ("func",),
    functools.cached_property: ("func",),
    functools.singledispatchmethod: ("func",),
}
_C_FUNCTIONS = (
    BuiltinFunctionType,
    MethodDescriptorType,
    ClassMethodDescriptorType,
    WrapperDescriptorType,
)


def functions_in(holder: object) -> list[FunctionType]:
    """Return the functions that `holder` is made of, each once; none if there is no Python code in it."""
    if issubclass(type(holder), ModuleType):
        found = _in_module(holder)  # type: ignore[arg-type]
    elif issubclass(type(holder), type):
        found = _in_class(holder)  # type: ignore[arg-type]
    else:
        found = _in_wrapper(holder)
    return list({id(function): function for function in found}.values())


def is_c_function(value: object) -> bool:
    """Return whether `value` is a function that C, Cython or another compiler made."""
    return type(value) in _C_FUNCTIONS or type_name(value) == "cython_function_or_method"


def type_name(value: object) -> str:
    """Return the name of an object's type, whatever its metaclass says."""
    name: str = type.__dict__["__name__"].__get__(type(value))
    return name


def _in_module(module: ModuleType) -> Iterator[FunctionType]:
    namespace = namespace_of(module)
    file, name = namespace.get("__file__"), namespace.get("__name__")
    for function in alive.functions():
        found = function.__globals__
        # The second: from before a reload under a new module object, or made with globals of its own.
        if found is namespace or (
            type(file) is str and function.__code__.co_filename == file and dict.get(found, "__name__") == name
        ):
            yield function


def _in_class(cls: type) -> Iterator[FunctionType]:
    namespace = _namespace_of_class(cls)
    module = namespace.get("__module__")
    prefix = _qualified_name(cls) + "."
    for name, value in list(namespace.items()):
        if is_c_function(value):
            skip(f"{module}.{prefix}{name}", "not Python code")
        elif issubclass(type(value), type):
            yield from _in_nested_class(value, prefix + name, module)  # type: ignore[arg-type]
        else:
            # What is merely borrowed from elsewhere belongs to others too.
            for function in _in_wrapper(value, within_class=True):
                if dict.get(function.__globals__, "__name__") == module:
                    yield function


def _in_nested_class(cls: type, qualified_name: str, module: object) -> Iterator[FunctionType]:
    if _qualified_name(cls) == qualified_name and _namespace_of_class(cls).get("__module__") == module:
        yield from _in_class(cls)


def _in_wrapper(wrapper: object, *, within_class: bool = False) -> Iterator[FunctionType]:
    """Yield the functions that a chain of wrappers ends in, and those on the way."""
    todo = [wrapper]
    seen = set()
    while todo:
        value = todo.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if type(value) is FunctionType:
            yield value
            todo.append(dict.get(value.__dict__, "__wrapped__"))
        else:
            parts = _parts(value)
            if within_class and value is wrapper and not parts and _is_descriptor(value):
                # A wrapper of unknown make: what it refers to, directly or in its dictionary.
                parts = _referents(value)
            todo.extend(parts)


def _parts(value: object) -> list[object]:
    for kind, names in _parts_of_wrapper.items():
        if issubclass(type(value), kind):
            return [kind.__dict__[name].__get__(value) for name in names]
    if type(value).__flags__ & _HEAP_TYPE == 0:
        return []
    # Imported only where needed: what pykcov imports, a traced program finds imported already.
    from inspect import getattr_static

    names = next((names for kind, names in _parts_of_instance.items() if issubclass(type(value), kind)), ())
    return [part for name in (*names, "__wrapped__") if (part := getattr_static(value, name, None)) is not None]


def _referents(value: object) -> list[object]:
    direct = gc.get_referents(value)
    dictionaries = [found for found in direct if type(found) is dict]
    return [found for found in (*direct, *gc.get_referents(*dictionaries)) if type(found) is FunctionType]


def _is_descriptor(value: object) -> bool:
    return any("__get__" in _namespace_of_class(base) for base in type.__dict__["__mro__"].__get__(type(value)))


def _namespace_of_class(cls: type) -> dict[str, object]:
    namespace: dict[str, object] = type.__dict__["__dict__"].__get__(cls)
    return namespace


def _qualified_name(cls: type) -> str:
    name: str = type.__dict__["__qualname__"].__get__(cls)
    return name


# Py_TPFLAGS_HEAPTYPE: made by a class statement, or by C code that could as well have used one.
_HEAP_TYPE = 1 << 9
