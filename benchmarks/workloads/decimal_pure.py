"""_pydecimal: digits of pi, roots, and invoices with rounding."""

import _pydecimal
import random
import zlib
from collections.abc import Callable

INSTRUMENTED = [_pydecimal]
ITERATIONS = 65

Decimal = _pydecimal.Decimal


def pi(digits: int) -> _pydecimal.Decimal:
    with _pydecimal.localcontext() as context:
        context.prec = digits + 2
        three = Decimal(3)
        lasts, t, s, n, na, d, da = Decimal(0), three, Decimal(3), 1, 0, 0, 24
        while s != lasts:
            lasts = s
            n, na = n + na, na + 8
            d, da = d + da, da + 32
            t = (t * n) / d
            s += t
    return s


def prepare() -> Callable[[int], int]:
    rng = random.Random(8)
    lines = [
        (Decimal(rng.randrange(1, 10**6)) / 100, rng.randrange(1, 20), Decimal(rng.choice([7, 19, 25])))
        for _ in range(40)
    ]

    def run(iteration: int) -> int:
        cents = Decimal("0.01")
        total = Decimal(0)
        for price, count, percent in lines:
            net = price * count
            total += net + (net * percent / 100).quantize(cents, rounding=_pydecimal.ROUND_HALF_UP)
        root = (total + iteration).sqrt()
        return zlib.crc32(f"{total} {root.normalize()} {total:,.2f} {pi(25)}".encode())

    return run
