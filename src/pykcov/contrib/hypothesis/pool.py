"""Values that the code under test knows: operands that were met, and words of its source."""

from collections import deque
from random import Random

from pykcov.contrib.hypothesis.example import Value

_MOST = 500
_MOST_DRAWN = 100


class Pool:
    """Values by type."""

    def __init__(self) -> None:
        """Begin with none."""
        self._met: dict[type, dict[Value, None]] = {kind: {} for kind in (int, float, str, bytes)}
        self._lists: dict[type, list[Value]] = {kind: [] for kind in self._met}
        self._drawn: dict[type, deque[Value]] = {kind: deque(maxlen=_MOST_DRAWN) for kind in (str, bytes)}
        self.words: dict[type, list[Value]] = {}
        """Texts of the source; there are more of them, and they matter less."""

    def add(self, operand: Value) -> None:
        """Take an operand that was met, unless there are many."""
        met = self._met.get(type(operand))
        if met is not None and len(met) < _MOST and operand not in met:
            met[operand] = None
            self._lists[type(operand)].append(operand)

    def note_drawn(self, value: Value) -> None:
        """Take what Hypothesis has drawn."""
        drawn = self._drawn.get(type(value))
        if drawn is not None and value:
            drawn.append(value)

    def drawn(self, random: Random, kind: type) -> Value | None:
        """Return one of the texts or bytes that Hypothesis drew last, None if there is none."""
        values = self._drawn[kind]
        return random.choice(values) if values else None

    def draw(self, random: Random, kind: type) -> Value | None:
        """Return one of a type, None if there is none. Of texts now and then several, joined."""
        value = self._one(random, kind)
        if isinstance(value, str):
            while len(value) < 100 and random.random() < 0.3:
                value += str(self._one(random, kind))
        return value

    def _one(self, random: Random, kind: type) -> Value | None:
        met, words = self._lists.get(kind), self.words.get(kind)
        values = words if words and (not met or random.random() < 0.3) else met
        return random.choice(values) if values else None
