"""pickle in pure Python: records, shared references and instances, there and back."""

import io
import pickle
import random
import zlib
from collections.abc import Callable
from typing import Any

INSTRUMENTED = [pickle]
ITERATIONS = 40


class Account:
    def __init__(self, number: int, owner: str) -> None:
        self.number = number
        self.owner = owner
        self.history: list[Any] = []

    def __getstate__(self) -> dict[str, Any]:
        return {"number": self.number, "owner": self.owner, "history": self.history}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def prepare() -> Callable[[int], int]:
    rng = random.Random(6)
    owners = [f"owner {number}" for number in range(9)]
    accounts = [Account(number, rng.choice(owners)) for number in range(30)]
    for account in accounts:
        account.history = [
            (
                rng.randrange(10**6),
                rng.random(),
                rng.choice(owners),
                None,
                {"kind": rng.choice(["in", "out"]), "tags": {"a", "b"}},
            )
            for _ in range(rng.randrange(8))
        ]
        account.history.append(rng.choice(accounts).number)

    def run(iteration: int) -> int:
        stream = io.BytesIO()
        pickle._Pickler(stream, 2 + iteration % 3).dump(accounts)  # type: ignore[attr-defined]
        loaded = pickle._Unpickler(io.BytesIO(stream.getvalue())).load()  # type: ignore[attr-defined]
        return zlib.crc32(str([(one.number, one.owner, len(one.history)) for one in loaded]).encode()) ^ stream.tell()

    return run
