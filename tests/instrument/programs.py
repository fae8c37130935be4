"""Programs that must not notice probes: the tests run each function bare and rewritten and compare what it returns.

Not imported, but compiled by the tests.
"""
# ruff: noqa
# mypy: ignore-errors

import asyncio
import contextlib
import inspect
import pickle
import sys
import traceback
import warnings
import weakref
from dataclasses import dataclass


def straight_line():
    a = 1
    b = a + 1
    return a, b


def branches():
    found = []
    for x in range(12):
        if x % 2 and x % 3 or x == 6:
            found.append("a")
        elif not x:
            found.append("b")
        else:
            found.append("c" if x > 5 else "d")
    return found


def chained_comparisons():
    return [(1 < x < 5, 1 < x <= x != 3 < 9, not 0 <= x <= 1) for x in range(7)]


def loops():
    found = []
    for x in range(5):
        for y in range(5):
            if y == 3:
                break
            if x == 2:
                continue
            found.append((x, y))
        else:
            found.append("else")
    n = 0
    while n < 10:
        n += 1
        if n == 4:
            continue
        if n == 8:
            break
    else:
        found.append("never")
    while True:
        n -= 1
        if not n:
            break
    while n < 2:
        n += 1
    for _ in ():
        pass
    for a, *b in [(1, 2, 3), (4,)]:
        found.append(b)
    return found, n


def exceptions():
    found = []

    def fail(kind, how):
        try:
            try:
                if kind is None:
                    return "returned"
                raise kind("x")
            except KeyError as error:
                found.append(("key", str(error)))
                if how == "again":
                    raise
                if how == "other":
                    raise TypeError("y") from error
            except (ValueError, OSError):
                found.append("value")
                return "from except"
            else:
                found.append("else")
            finally:
                found.append("finally")
                if how == "swallow":
                    return "swallowed"
        except Exception as error:
            return type(error), error.__cause__ is None, error.__context__ is None
        return "end"

    for kind in (None, KeyError, ValueError, ZeroDivisionError):
        for how in ("", "again", "other", "swallow"):
            found.append(fail(kind, how))
    return found


def exception_groups():
    found = []

    def fail(*kinds):
        try:
            raise ExceptionGroup("g", [kind("x") for kind in kinds])
        except* ValueError as group:
            found.append(len(group.exceptions))
        except* (KeyError, OSError):
            found.append("other")
            raise TypeError("new")
        finally:
            found.append("finally")

    for kinds in ((ValueError,), (ValueError, ValueError), (KeyError,), (ValueError, KeyError), (IndexError,)):
        try:
            fail(*kinds)
        except BaseException as error:
            found.append((type(error), [type(inner) for inner in getattr(error, "exceptions", ())]))
    return found


def finally_in_loops():
    found = []
    for x in range(6):
        try:
            if x == 1:
                continue
            if x == 4:
                break
            try:
                1 / (x - 2)
            finally:
                found.append(("inner", x))
        except ZeroDivisionError:
            found.append("zero")
        finally:
            found.append(("outer", x))
    return found


def failing_finally():
    """On 3.11 the line of `pass` is run, by what clears up."""
    def fail():
        try:
            1 / 0
        finally:
            1 / 0
            pass

    try:
        fail()
    except ZeroDivisionError as error:
        return error.__traceback__.tb_next.tb_lineno - fail.__code__.co_firstlineno, error.__context__ is None


class Manager:
    def __init__(self, found, swallow=False):
        self.found, self.swallow = found, swallow

    def __enter__(self):
        self.found.append("enter")
        return self

    def __exit__(self, kind, error, tb):
        self.found.append(("exit", kind, tb and tb.tb_lineno - tb.tb_frame.f_code.co_firstlineno))
        return self.swallow

    async def __aenter__(self):
        await asyncio.sleep(0)
        return self.__enter__()

    async def __aexit__(self, *error):
        await asyncio.sleep(0)
        return self.__exit__(*error)


def with_statements():
    found = []

    def use(swallow, action):
        with Manager(found, swallow) as a, Manager(found) as b:
            if action == "raise":
                raise KeyError("x")
            if action == "return":
                return "returned"
            found.append("body")
        return "after"

    for swallow in (False, True):
        for action in ("", "raise", "return"):
            try:
                found.append(use(swallow, action))
            except KeyError:
                found.append("raised")
    with contextlib.suppress(ZeroDivisionError):
        1 / 0
    with (
        Manager(found) as first,
        Manager(
            found,
        ) as second,
    ):
        found.append(first is second)
    return found


def patterns():
    @dataclass
    class Point:
        x: int
        y: int

    def match(value):
        match value:
            case 0 | 1:
                return "small"
            case int(x) if x > 100:
                return "large", x
            case [1, *rest]:
                return rest
            case [Point(x=0, y=y), {"k": (v, _), **others}]:
                return y, v, others
            case Point(0, y) | Point(y, 0):
                return y
            case {"a": str() as a}:
                return a
            case None | True:
                return "singleton"
            case _:
                return "nothing"

    values = [0, 5, 200, [1, 2, 3], [Point(0, 2), {"k": (3, 4), "l": 5}], [Point(0, 2), {"k": 3}], Point(0, 7)]
    return list(map(match, [*values, Point(8, 0), Point(1, 1), {"a": "b"}, {"a": 1}, None, True, "x", [], [1]]))


def comprehensions():
    n = 3
    return (
        [x * n for x in range(4) if x % 2],
        {x: y for x in range(3) for y in range(x)},
        {x for x in range(3)},
        list(y() for y in [lambda: n for _ in range(2)]),
        [[(x, y) for y in range(x)] for x in range(3)],
        [f() for f in [lambda: i for i in range(3)]],
    )


def failing_comprehensions():
    found = []
    for bad in (0, 2):
        x = y = "kept"
        try:
            found.append([1 / (x - bad) for x in range(3) for y in [x]])
        except ZeroDivisionError:
            found.append((x, y))
    return found


def generators():
    found = []

    def inner():
        try:
            x = yield 1
            found.append(("sent", x))
            yield 2
        except KeyError as error:
            found.append(("thrown", str(error)))
            yield 3
        finally:
            found.append("closed")
        return "result"

    def outer():
        result = yield from inner()
        found.append(result)
        yield "end"

    for make in (inner, outer):
        generator = make()
        found.append((next(generator), generator.send("hello"), list(generator)))
        generator = make()
        found.append((next(generator), generator.throw(KeyError("k")), generator.gi_frame.f_lineno, list(generator)))
        generator = make()
        found.append((next(generator), generator.gi_yieldfrom is None, generator.close()))
        generator = make()
        next(generator)
        try:
            generator.throw(ValueError)
        except ValueError:
            found.append("through")
    return found


def thrown_into_delegation():
    found = []

    class Iterator:
        def __iter__(self):
            return self

        def __next__(self):
            return 1

        def throw(self, *error):
            found.append(error[0])
            raise StopIteration("stopped")

    def outer():
        try:
            found.append((yield from Iterator()))
        finally:
            found.append("finally")
        yield "end"

    generator = outer()
    return next(generator), generator.throw(KeyError), found


def generator_loops():
    def count(n):
        for x in range(n):
            if x == 3:
                return
            yield x

    def chained(n):
        for x in count(n):
            for y in count(x):
                yield x, y

    return [list(chained(n)) for n in range(6)], [x for x in count(9)], dict(chained(4)), sum(count(5))


def stop_iteration_in_a_generator():
    def generator():
        yield 1
        next(iter(()))

    try:
        list(generator())
    except RuntimeError as error:
        return str(error), type(error.__cause__)


def coroutines():
    found = []

    async def produce(n):
        try:
            for x in range(n):
                await asyncio.sleep(0)
                yield x
        finally:
            found.append("generator done")

    async def fail():
        await asyncio.sleep(0)
        raise KeyError("k")

    async def use(swallow):
        async with Manager(found, swallow) as manager:
            async for x in produce(3):
                found.append(x)
            else:
                found.append("else")
            await fail()
        return [x async for x in produce(3) if x] + [await asyncio.sleep(0, y) for y in (1, 2)]

    async def partly():
        generator = produce(5)
        async for x in generator:
            if x == 2:
                break
        await generator.aclose()

    async def cancelled():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            found.append("cancelled")
            raise
        finally:
            await asyncio.sleep(0)

    async def main():
        found.append(await use(True))
        try:
            await use(False)
        except KeyError:
            found.append("raised")
        await partly()
        task = asyncio.ensure_future(cancelled())
        await asyncio.sleep(0)
        task.cancel()
        found.append(await asyncio.gather(task, fail(), return_exceptions=True))
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            tasks = [group.create_task(asyncio.sleep(0, x)) for x in range(3)]
        return [task.result() for task in tasks]

    result = asyncio.run(main())
    return result, [type(x) if isinstance(x, BaseException) else repr(x) for x in found]


def async_generators_thrown_into():
    found = []

    async def generator():
        while True:
            try:
                x = yield len(found)
                found.append(x)
            except ValueError:
                found.append("value")

    async def main():
        g = generator()
        result = [await g.asend(None), await g.asend("a"), await g.athrow(ValueError), await g.asend("b")]
        await g.aclose()
        return result

    return asyncio.run(main()), found


def scopes():
    x = 1

    def closure():
        nonlocal x
        x += 1

        class Inner:
            y = x
            z = [y for y in (1, 2)]
            w = [(lambda: x + v)() for v in z]
            names = sorted(locals())

        return Inner

    inner = closure()
    del x
    try:
        x
    except NameError as error:
        unbound = str(error)
    names = sorted(locals())
    return inner.y, inner.z, inner.w, inner.names, unbound, names, eval("[names[0] for names in [names]]")


def deleted_and_unbound():
    found = []
    for step in range(3):
        try:
            if step == 1:
                a = 1
                del a
            if step == 2:
                b = [a for a in (1,)]
            a
        except UnboundLocalError as error:
            found.append(str(error))
    return found


def calls():
    def take(a, /, b=2, *rest, c=3, **others):
        return a, b, rest, c, others

    return (
        take(1),
        take(1, 2, 3, c=4),
        take(*range(3), **{"d": 5}),
        take(
            b=1,
            a2=3,
            *[7],
        )
        if False
        else None,
        "abc".upper().replace("A", "x").split("B"),
        max(
            (x for x in (1, 3, 2)),
            key=lambda x: -x,
        ),
    )


def operators():
    class Number(int):
        def __add__(self, other):
            return Number(int(self) + other)

        def __bool__(self):
            raise ValueError("no truth")

    x = Number(1)
    x += 2
    x = x + 3
    try:
        if x:
            pass
    except ValueError as error:
        truth = str(error)
    s = ""
    for c in "abc":
        s += c
    for c in "def":
        s = s + c
    data = {"a": [1, 2, 3]}
    data["a"][0] += 5
    data["a"][1:2] = [8, 9]
    del data["a"][-1]
    return int(x), truth, s, data, f"{x!r:>5} {s=}", (y := 5) + y, not x is None, ~5, -+3


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
        inspect.iscoroutinefunction(coroutines),
        inspect.isgeneratorfunction(straight_line),
    )


def pickled():
    again = pickle.loads(pickle.dumps([straight_line, Manager, Manager.__enter__]))
    return again == [straight_line, Manager, Manager.__enter__]


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


def assertions():
    found = []
    for x in (1, 0):
        try:
            assert x, "message"
            found.append("true")
        except AssertionError as error:
            found.append(str(error))
    return found


def class_bodies():
    class Meta(type):
        def __new__(cls, name, bases, space):
            space["order"] = [key for key in space if not key.startswith("__")]
            return super().__new__(cls, name, bases, space)

    class Body(metaclass=Meta):
        a: int = 1
        if a:
            b = 2
        for c in range(2):
            pass
        try:
            d = c
        finally:
            del c

        def method(self):
            return __class__, super().__init__

        class Nested:
            e = 1

    return Body.order, Body().method()[0].__name__, Body.__annotations__, Body.__qualname__, Body.Nested.__qualname__
