"""Statements, expressions and scopes."""
# ruff: noqa
# fmt: off
# mypy: ignore-errors

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
