"""Runs a race: one thread after the other, with a switch at every pause, or as the operating system likes it."""

import random
import threading
import time
from collections.abc import Callable

import races
from races import Race


def run(functions: list[Callable[[], None]], pause: Callable[[], None]) -> None:
    """Run functions in threads of their own, with this pause."""
    races.pause = pause
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def one_after_the_other(race: Race, swapped: bool = False) -> None:
    """Let one thread end before the other one begins anything, though both are there."""
    _with_turns(race, swapped, switches=False)


def alternating(race: Race, swapped: bool = False) -> None:
    """Let the other thread go on at each pause, until it pauses or ends."""
    _with_turns(race, swapped, switches=True)


def by_chance(race: Race, probability: float) -> None:
    """Sleep for up to 0.1 ms at a pause with this probability; both threads begin at the same time."""
    barrier = threading.Barrier(2)

    def pause() -> None:
        if random.random() < probability:
            time.sleep(random.random() * 1e-4)

    def begun(function: Callable[[], None]) -> Callable[[], None]:
        def begin() -> None:
            barrier.wait()
            function()

        return begin

    run([begun(race.first), begun(race.second)], pause)


def _with_turns(race: Race, swapped: bool, switches: bool) -> None:
    turns = _Turns()
    functions = [race.second, race.first] if swapped else [race.first, race.second]

    def in_turn(number: int) -> Callable[[], None]:
        def begin() -> None:
            turns.own.number = number
            turns.wait(number)
            functions[number]()
            turns.give_up(number, for_good=True)

        return begin

    def pause() -> None:
        if switches:
            number = turns.own.number
            turns.give_up(number)
            turns.wait(number)

    run([in_turn(0), in_turn(1)], pause)


class _Turns:
    """Whose turn it is, of two threads."""

    def __init__(self) -> None:
        self.own = threading.local()
        self._changed = threading.Condition()
        self._turn = 0
        self._ended: set[int] = set()

    def wait(self, number: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._turn == number)

    def give_up(self, number: int, for_good: bool = False) -> None:
        with self._changed:
            if for_good:
                self._ended.add(number)
            if 1 - number not in self._ended:
                self._turn = 1 - number
            self._changed.notify_all()
