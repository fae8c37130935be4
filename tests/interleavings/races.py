"""Twelve small programs with a race between two threads, and how to run them.

Each class is a program: made anew for each run, with two functions for the two threads, which call `pause()` where the
one is to be interrupted, and whether the run went well. `failing` says which two accesses follow each other in a run
that fails and in no other: the operation and the source of each.
"""

import threading

Access = tuple[str, str]


def pause() -> None:
    """Do nothing; what runs a race puts something else here."""


class Race:
    """A program, of which one run is one object."""

    failing: tuple[Access, Access]

    def first(self) -> None:
        """Run in one thread."""

    def second(self) -> None:
        """Run in the other one; the same, unless a program says otherwise."""
        self.first()

    def is_right(self) -> bool:
        """Return whether the run went well."""
        raise NotImplementedError


class LostUpdate(Race):
    """Two threads add 1 to the same attribute."""

    failing = ("read", "self.value"), ("read", "self.value")

    def __init__(self) -> None:
        self.value = 0

    def first(self) -> None:
        value = self.value
        pause()
        self.value = value + 1

    def is_right(self) -> bool:
        return self.value == 2


total = 0


class LostUpdateOfAGlobal(Race):
    """The same with a global variable, in one statement that calls something."""

    failing = ("read", "total"), ("read", "total")

    def __init__(self) -> None:
        global total
        total = 0

    def first(self) -> None:
        global total
        total = total + self.step()

    def step(self) -> int:
        pause()
        return 1

    def is_right(self) -> bool:
        return total == 2


class LostUpdateOfAClosure(Race):
    """The same with a variable of an enclosing function."""

    failing = ("read", "count"), ("read", "count")

    def __init__(self) -> None:
        count = 0

        def add() -> None:
            nonlocal count
            before = count
            pause()
            count = before + 1

        self.add = add
        self.count = lambda: count

    def first(self) -> None:
        self.add()

    def is_right(self) -> bool:
        return self.count() == 2


class CheckThenAct(Race):
    """A cache whose entries are to be made once."""

    failing = ("look", "key not in self.cache"), ("look", "key not in self.cache")

    def __init__(self) -> None:
        self.cache: dict[str, object] = {}
        self.made: list[object] = []

    def first(self) -> None:
        key = "a"
        if key not in self.cache:
            pause()
            self.cache[key] = object()
            self.made.append(self.cache[key])

    def is_right(self) -> bool:
        return len(self.made) == 1


class Overdraft(Race):
    """Two withdrawals, each of which is allowed by itself."""

    failing = ("read", "self.balance"), ("read", "self.balance")

    def __init__(self) -> None:
        self.balance = 100

    def first(self) -> None:
        if self.balance >= 100:
            pause()
            self.balance -= 100

    def is_right(self) -> bool:
        return self.balance == 0


class LazyInitialisation(Race):
    """A connection that is to be opened once, when it is first needed."""

    failing = ("read", "self.connection"), ("read", "self.connection")

    def __init__(self) -> None:
        self.connection: object = None
        self.opened: list[object] = []

    def first(self) -> None:
        if self.connection is None:
            new = self.open()
            self.connection = new

    def open(self) -> object:
        pause()
        self.opened.append(object())
        return self.opened[-1]

    def is_right(self) -> bool:
        return len(self.opened) == 1


class PublishedTooEarly(Race):
    """One thread says that data is ready before it is."""

    failing = ("write", "self.ready"), ("read", "self.ready")

    def __init__(self) -> None:
        self.ready = False
        self.data: str | None = None
        self.used: str | None = "nothing"

    def first(self) -> None:
        self.ready = True
        pause()
        self.data = "data"

    def second(self) -> None:
        pause()
        if self.ready:
            self.used = self.data

    def is_right(self) -> bool:
        return self.used is not None


class LockOrder(Race):
    """Two locks, taken in this order by one thread and in the other order by the other one."""

    failing = ("change", "self.left.acquire"), ("change", "self.right.acquire")

    def __init__(self) -> None:
        self.left = threading.Lock()
        self.right = threading.Lock()
        self.stuck = False

    def first(self) -> None:
        self.left.acquire()
        pause()
        self.take_second(self.right)
        self.left.release()

    def second(self) -> None:
        self.right.acquire()
        pause()
        self.take_second(self.left)
        self.right.release()

    def take_second(self, lock: threading.Lock) -> None:
        if lock.acquire(timeout=0.02):
            lock.release()
        else:
            self.stuck = True  # where a program would hang

    def is_right(self) -> bool:
        return not self.stuck


class Overfull(Race):
    """A buffer that is to hold one item."""

    failing = ("look", "len(self.items)"), ("look", "len(self.items)")

    def __init__(self) -> None:
        self.items: list[int] = []

    def first(self) -> None:
        if len(self.items) < 1:
            pause()
            self.items.append(1)

    def is_right(self) -> bool:
        return len(self.items) == 1


class TakenTwice(Race):
    """The last item of a list is taken by whoever comes first."""

    failing = ("change", "self.items.pop"), ("change", "self.items.pop")

    def __init__(self) -> None:
        self.items = [1]
        self.errors = 0

    def first(self) -> None:
        if self.items:
            pause()
            try:
                self.items.pop()
            except IndexError:
                self.errors += 1

    def is_right(self) -> bool:
        return self.errors == 0


class ChangedWhileIterating(Race):
    """One thread goes through a dict to which the other adds."""

    failing = ("change", 'self.table["new"]'), ("read", "self.sum")

    def __init__(self) -> None:
        self.table = {"old": 1, "older": 2}
        self.errors = 0
        self.sum = 0

    def first(self) -> None:
        try:
            for key in self.table:
                pause()
                self.sum += self.table[key]
        except RuntimeError:
            self.errors += 1

    def second(self) -> None:
        pause()
        self.table["new"] = 3

    def is_right(self) -> bool:
        return self.errors == 0


class SeenHalfDone(Race):
    """A transfer between two accounts, and somebody who adds them up."""

    failing = ("write", "self.a"), ("read", "self.a")

    def __init__(self) -> None:
        self.a = 10
        self.b = 0
        self.sum = 10

    def first(self) -> None:
        self.a -= 10
        pause()
        self.b += 10

    def second(self) -> None:
        pause()
        self.sum = self.a + self.b

    def is_right(self) -> bool:
        return self.sum == 10


RACES: list[type[Race]] = [
    *(LostUpdate, LostUpdateOfAGlobal, LostUpdateOfAClosure, CheckThenAct, Overdraft, LazyInitialisation),
    *(PublishedTooEarly, LockOrder, Overfull, TakenTwice, ChangedWhileIterating, SeenHalfDone),
]
