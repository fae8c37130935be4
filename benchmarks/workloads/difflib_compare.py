"""difflib: changed texts are compared by lines and by characters."""

import difflib
import random
import zlib
from collections.abc import Callable

INSTRUMENTED = [difflib]
ITERATIONS = 180


def prepare() -> Callable[[int], int]:
    rng = random.Random(7)
    words = ["if", "return", "value", "other", "self", "(", ")", "+", "count", "for", "in", "name"]

    def line() -> str:
        return " " * 4 * rng.randrange(4) + " ".join(rng.choice(words) for _ in range(rng.randrange(3, 9))) + "\n"

    def changed(lines: list[str]) -> list[str]:
        result = []
        for text in lines:
            chance = rng.random()
            if chance < 0.08:
                continue
            if chance < 0.16:
                text = text.replace(rng.choice(words), rng.choice(words))
            result.append(text)
            if chance > 0.95:
                result.append(line())
        return result

    pairs = [(old := [line() for _ in range(36)], changed(old)) for _ in range(5)]

    def run(iteration: int) -> int:
        old, new = pairs[iteration % len(pairs)]
        out = "".join(difflib.unified_diff(old, new)) + "".join(difflib.ndiff(old[:12], new[:12]))
        close = difflib.get_close_matches(old[0], new[:8], n=2)
        return zlib.crc32((out + "".join(close)).encode())

    return run
