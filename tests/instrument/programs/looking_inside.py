"""Programs that look at themselves: frames, tracebacks, signatures, the depth of the stack."""
# ruff: noqa
# fmt: off
# mypy: ignore-errors

import inspect
import pickle
import sys
import traceback
import warnings
import weakref


def functions_seen_by_inspect():
    def documented(a: int, *, b: "str" = "x") -> bool:
        """Says what it does."""
        return a

    return (
        documented.__doc__,
        str(inspect.signature(documented)),
        inspect.getclosurevars(documented).builtins,
        documented.__code__.co_firstlineno - functions_seen_by_inspect.__code__.co_firstlineno,
        documented.__code__.co_varnames,
        documented.__code__.co_flags,
        inspect.iscoroutinefunction(frames),
        inspect.isgeneratorfunction(warned),
    )


class Picklable:
    def method(self): return 1


def pickled():
    again = pickle.loads(pickle.dumps([frames, Picklable, Picklable.method]))
    return again == [frames, Picklable, Picklable.method]


def frames():
    def lines():
        first = sys._getframe().f_lineno
        second = sys._getframe().f_lineno
        third = sys._getframe().f_lineno
        return first, second, third, sorted(sys._getframe().f_locals)

    base = lines.__code__.co_firstlineno
    first, second, third, names = lines()
    return first - base, second - base, third - base, names


def tracebacks():
    def deep(n):
        if n:
            return deep(n - 1)
        return {}["missing"]["x"]

    found = []
    for fail in (
        lambda: deep(3),
        lambda: [1 / x for x in (1, 0)],
        lambda: 1 + "a",
        lambda: next(x for x in [1] if x.attribute),
        lambda: exec("raise ValueError"),
    ):
        try:
            fail()
        except Exception as error:
            for summary in traceback.extract_tb(error.__traceback__):
                found.append((summary.name, summary.lineno, summary.end_lineno, summary.colno, summary.end_colno))
    return found


def warned():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.warn("a")
        for _ in range(2):
            warnings.warn("b", stacklevel=1)
    return [(str(w.message), w.lineno - warned.__code__.co_firstlineno) for w in caught]


def recursion_depth():
    depth = 0

    def deeper():
        nonlocal depth
        depth += 1
        deeper()

    try:
        deeper()
    except RecursionError as error:
        return depth, str(error)


def finalisers():
    found = []

    class Noisy:
        def __init__(self, name):
            self.name = name

        def __del__(self):
            found.append(self.name)

    def use():
        a = Noisy("a")
        a = Noisy("b")
        for x in [Noisy("c")]:
            found.append("loop")
        Noisy("d")
        found.append("end")
        return weakref.ref(a)

    dead = use()
    return found, dead()


def interrupted_by_a_debugger():
    """A trace function jumps to another line."""
    found = []

    def jumps():
        found.append(1)
        found.append(2)
        found.append(3)
        return found

    def tracer(frame, event, argument):
        if frame.f_code is not jumps.__code__:
            return None
        if event == "line" and frame.f_lineno == jumps.__code__.co_firstlineno + 2 and found == [1]:
            frame.f_lineno += 1
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        return jumps()
    finally:
        sys.settrace(before)
