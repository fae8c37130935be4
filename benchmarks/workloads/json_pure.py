"""json in pure Python: a document of nested records is encoded, pretty-printed and decoded."""

import random
import zlib
from collections.abc import Callable

from workloads.pure import without

json, decoder, encoder, scanner = without(["_json"], "json", "json.decoder", "json.encoder", "json.scanner")

INSTRUMENTED = [json, decoder, encoder, scanner]
ITERATIONS = 105


def prepare() -> Callable[[int], int]:
    rng = random.Random(1)

    def record(depth: int) -> object:
        kind = rng.randrange(8 if depth else 5)
        if kind == 0:
            return rng.randrange(-(10**6), 10**9)
        if kind == 1:
            return rng.random() * 1000
        if kind == 2:
            return rng.choice([True, False, None])
        if kind < 5:
            return "".join(rng.choice('abcdefgh \n"\\é€') for _ in range(rng.randrange(30)))
        if kind == 5:
            return [record(depth - 1) for _ in range(rng.randrange(6))]
        return {f"key{i}": record(depth - 1) for i in range(rng.randrange(8))}

    documents = [{f"record{i}": record(4) for i in range(20)} for _ in range(4)]

    def run(iteration: int) -> int:
        document = documents[iteration % len(documents)]
        text = json.dumps(document, sort_keys=True)
        pretty = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
        assert json.loads(pretty) == document
        return zlib.crc32(pretty.encode())

    return run
