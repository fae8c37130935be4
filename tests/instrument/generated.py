"""Random programs: functions of every kind made of every statement that has control flow.

What happens in them is decided by `d()`, which gives the next of a list of small numbers, and 0 when they are used up:
so every loop ends.
"""

import asyncio
import types
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st

Kind = str  # "def", "generator", "coroutine", "async generator"
KINDS = ["def", "generator", "coroutine", "async generator"]


class Writer:
    """Writes the body of a function, asking `choose` for everything that is open."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any], kind: Kind) -> None:
        self.draw = draw
        self.kind = kind
        self.lines: list[str] = []
        self.budget = 20

    def choose(self, *options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    @property
    def is_async(self) -> bool:
        return self.kind in ("coroutine", "async generator")

    @property
    def yields(self) -> bool:
        return self.kind in ("generator", "async generator")

    def write(self, depth: int, text: str) -> None:
        self.lines += ["    " * depth + line for line in text.split("\n")]

    def expression(self) -> str:
        options = ["d()", "x", "(x := d())", "(d() +\n d())", "(d() if d() else d())", "(d() and d())", "(d() or x)"]
        options += ["(not d())", "(0 < d() < 3)", "log(\n    d(),\n    1,\n    x,\n)", "len(f'{d()}{x}')", "fail(d())"]
        options += ["sum([d() for y in items() if d()])", "len([\n    d()\n    for y in\n    items()\n])"]
        options += ["(lambda: d())()", "sum(d() for y in items())", "len({y: z for y in items() for z in items()})"]
        if self.is_async:
            options += [
                "(await wait())",
                "len([y async for y in later() if d()])",
                "sum([await wait() for y in items()])",
            ]
        if self.yields:
            options.append("(yield d())")
        return str(self.choose(*options))

    def block(self, depth: int, loop: bool, leave: bool = True) -> None:
        """Write one to three statements. `loop`: within a loop; `leave`: break, continue and return are allowed."""
        for _ in range(self.choose(1, 1, 2, 3)):
            self.statement(depth, loop, leave)

    def statement(self, depth: int, loop: bool, leave: bool) -> None:
        self.budget -= 1
        simple = [self.assign, self.simple]
        nested = [self.if_, self.for_, self.while_, self.try_, self.try_star, self.with_, self.match, self.class_]
        kinds: list[Callable[..., None]] = simple if self.budget < 0 or depth > 5 else simple + nested
        self.choose(*kinds)(depth, loop, leave)

    def assign(self, depth: int, _loop: bool, _leave: bool) -> None:
        text = self.choose("x = {}", "x += {}", "x, z = items2({})", "x = (\n    {})", "{}", "x = {}; z = x")
        self.write(depth, text.format(self.expression()))

    def simple(self, depth: int, loop: bool, leave: bool) -> None:
        options = ["pass", *["log(1)"] * 4, *["z = 1"] * 3, *["fail(d())"] * 3, "if d() == 3: raise F from None"]
        options += ["assert not d() == 3, 'no'", "z = 1; del z", self.choose("raise E", "del z", "log(2)", "log(3)")]
        if loop and leave:
            options += ["if d(): continue", "if d() > 1: break", self.choose("break", "continue", "log(2)", "log(3)")]
        if leave:
            options += ["if d() == 3: return", self.choose("return", "log(2)", "log(3)", "log(4)")]
            if self.kind != "async generator":
                options.append("if d() == 3: return d()")
        if self.kind == "generator":
            options.append("x = yield from sub()")
        self.write(depth, self.choose(*options))

    def if_(self, depth: int, loop: bool, leave: bool) -> None:
        self.write(depth, f"if {self.condition()}:")
        self.block(depth + 1, loop, leave)
        if self.choose(True, False):
            self.write(depth, f"elif {self.condition()}:")
            self.block(depth + 1, loop, leave)
        if self.choose(True, False):
            self.write(depth, "else:")
            self.block(depth + 1, loop, leave)

    def condition(self) -> str:
        return str(
            self.choose("d()", "not d()", "d() and d()", "d() or d()", "0 < d() < 3", "x is None", self.expression())
        )

    def for_(self, depth: int, _loop: bool, leave: bool) -> None:
        head = "async for y in later():" if self.is_async and self.choose(True, False) else "for {} in {}:"
        self.write(depth, head.format(self.choose("y", "y, z"), self.choose("pairs()", "list(pairs())")))
        self.block(depth + 1, True, leave)
        self.or_else(depth, leave)

    def while_(self, depth: int, _loop: bool, leave: bool) -> None:
        self.write(depth, f"while {self.choose('d()', 'd() and d()', 'd() and (d() or d())', 'not d() and d()')}:")
        self.block(depth + 1, True, leave)
        self.or_else(depth, leave)

    def or_else(self, depth: int, leave: bool) -> None:
        if self.choose(True, False):
            self.write(depth, "else:")
            self.block(depth + 1, False, leave)

    def try_(self, depth: int, loop: bool, leave: bool) -> None:
        self.write(depth, "try:")
        self.block(depth + 1, loop, leave)
        handlers = self.choose(0, 1, 2)
        for head in ("except E:", self.choose("except F as e:", "except (F, TypeError):", "except:"))[:handlers]:
            self.write(depth, head)
            self.block(depth + 1, loop, leave)
        if handlers and self.choose(True, False):
            self.write(depth, "else:")
            self.block(depth + 1, loop, leave)
        if not handlers or self.choose(True, False):
            self.write(depth, "finally:")
            self.block(depth + 1, loop, leave)

    def try_star(self, depth: int, loop: bool, leave: bool) -> None:
        self.write(depth, "try:")
        self.block(depth + 1, loop, leave)
        self.write(depth, self.choose("except* E:", "except* E as e:"))
        self.block(depth + 1, False, False)
        if self.choose(True, False):
            self.write(depth, "except* (F, TypeError):")
            self.block(depth + 1, False, False)

    def with_(self, depth: int, loop: bool, leave: bool) -> None:
        head = self.choose("with M(d()):", "with M(d()) as z:", "with M(d()), M(d()) as z:")
        self.write(depth, ("async " if self.is_async and self.choose(True, False) else "") + head)
        self.block(depth + 1, loop, leave)

    def match(self, depth: int, loop: bool, leave: bool) -> None:
        self.write(depth, f"match {self.choose('d()', 'items2(d())', '{1: d()}', 'P(d())')}:")
        cases = ["0 | 1", "int(z) if d()", "[0, z]", "(z, 1) if d()", "{1: (0 | 2) as z}", "P(a=0)", "P(a=z) if d()"]
        for case in self.choose(*[cases[n:m] for n in range(7) for m in range(n + 1, 8)]):
            self.write(depth + 1, f"case {case}:")
            self.block(depth + 2, loop, leave)
        if self.choose(True, False):
            self.write(depth + 1, "case _:")
            self.block(depth + 2, loop, leave)

    def class_(self, depth: int, _loop: bool, _leave: bool) -> None:
        self.write(depth, "class C:")
        # Its body is a function of its own, in which there is nothing to yield, await or return.
        inner = Writer(self.draw, "def")
        inner.budget = 3
        inner.lines = ["x = d()"]
        inner.block(0, False, False)
        self.lines += ["    " * (depth + 1) + line for line in inner.lines]


@st.composite
def sources(draw: Callable[[st.SearchStrategy[Any]], Any]) -> tuple[Kind, str]:
    """Draw a kind of function and the source of one, called f."""
    kind = draw(st.sampled_from(KINDS))
    writer = Writer(draw, kind)
    writer.write(0, ("async " if writer.is_async else "") + "def f(x=0):")
    if writer.yields:
        writer.write(1, "if not d(): yield 0")
    for _ in range(3):
        writer.block(1, False)
    return kind, "\n".join(writer.lines) + "\n"


class E(Exception):
    """Raised by generated programs."""


class F(Exception):
    """Raised by generated programs."""


class World:
    """What a generated program sees, and what it did."""

    def __init__(self, decisions: list[int]) -> None:
        self.decisions = iter(decisions)
        self.seen: list[object] = []
        self.names = {
            name: getattr(self, name)
            for name in ("d", "log", "fail", "items", "items2", "pairs", "sub", "wait", "later")
        }
        self.names |= {"E": E, "F": F, "M": self.manager, "P": types.SimpleNamespace, "__name__": "generated"}
        self.names["P"] = Point

    def d(self) -> int:
        decision = next(self.decisions, 0)
        self.seen.append(decision)
        return decision

    def log(self, *things: object) -> int:
        self.seen.append(len(things))
        return 1

    def fail(self, how: int) -> int:
        if how == 2:
            raise E("fail")
        if how == 3:
            raise ExceptionGroup("fail", [E("a"), F("b")])
        return how

    def items(self) -> range:
        return range(self.d())

    def items2(self, how: object) -> tuple[object, int]:
        return how, self.d()

    def pairs(self) -> Iterator[tuple[int, int]]:
        for n in range(self.d()):
            yield n, n

    def sub(self) -> Iterator[int]:
        try:
            self.seen.append((yield 5))
            yield 6
        except E:
            self.seen.append("E in sub")
        finally:
            self.seen.append("end of sub")
        return 7

    @types.coroutine
    def wait(self) -> Iterator[str]:
        if self.d():
            self.seen.append((yield "waiting"))
        return self.fail(self.d())

    async def later(self) -> Any:
        for n in range(self.d()):
            await self.wait()
            yield n, n

    def manager(self, how: int) -> "Manager":
        return Manager(self, how)

    def run(self, kind: Kind, function: Callable[[], Any], actions: list[int]) -> object:
        """Run a function to its end; return what it did and how it ended."""
        try:
            made = function()
            if kind != "def":
                # Only asyncio closes the async generators of coroutines that are closed or thrown into.
                self.drive(
                    self.collect(made) if kind == "async generator" else made, actions * (kind != "async generator")
                )
                made = "driven"
            return self.seen, made
        except BaseException as error:
            return self.seen, type(error), str(error), self.where(error, function.__code__.co_filename)

    def drive(self, running: Any, actions: list[int]) -> None:
        """Resume a generator or coroutine, throw into it or close it."""
        started = False
        for action in [*actions, *[0] * 40]:
            try:
                if action == 1:
                    self.seen.append(running.throw(E("thrown")))
                elif action == 2:
                    running.close()
                    self.seen.append("closed")
                    return
                else:
                    self.seen.append(running.send(self.d() if started else None))
                started = True
            except StopIteration as stop:
                self.seen.append(stop.value)
                return
        running.close()

    async def collect(self, generator: Any) -> object:
        """Go through an async generator."""
        found = []
        action = 0
        for _ in range(10):
            try:
                found.append(
                    await (generator.athrow(F("thrown")) if action == 3 else generator.asend(action if found else None))
                )
            except StopAsyncIteration:
                break
            action = self.d()
        await generator.aclose()
        return found

    def where(self, error: BaseException, filename: str) -> list[object]:
        """Return the source positions of the frames that an exception came through."""
        found: list[object] = []
        traceback = error.__traceback__
        while traceback is not None:
            code = traceback.tb_frame.f_code
            if code.co_filename == filename:
                positions = list(code.co_positions())[traceback.tb_lasti // 2]
                found.append((code.co_qualname, traceback.tb_lineno, positions))
            traceback = traceback.tb_next
        return found


class Point:
    """For class patterns."""

    __match_args__ = ("a",)

    def __init__(self, a: object) -> None:
        self.a = a


class Manager:
    """A context manager, of both kinds; swallows exceptions if made with an odd number."""

    def __init__(self, world: World, how: int) -> None:
        self.world, self.how = world, how

    def __enter__(self) -> "Manager":
        self.world.log()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        self.world.seen.append(kind)
        return self.how % 2 == 1 and kind is not GeneratorExit and kind is not asyncio.CancelledError

    async def __aenter__(self) -> "Manager":
        await self.world.wait()
        return self.__enter__()

    async def __aexit__(self, *error: Any) -> bool:
        await self.world.wait()
        return self.__exit__(*error)
