"""tokenize: sources are cut into tokens and put together again."""

import io
import tokenize
import zlib
from collections.abc import Callable

from workloads.sources import parts

INSTRUMENTED = [tokenize]
ITERATIONS = 420


def prepare() -> Callable[[int], int]:
    sources = parts()

    def run(iteration: int) -> int:
        source = sources[iteration % len(sources)]
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
        text = tokenize.untokenize(tokens)
        short = tokenize.untokenize((token.type, token.string) for token in tokens)
        return zlib.crc32(text.encode()) ^ len(tokens) ^ (short != "")

    return run
