"""How data of the page is written: scripts that hand over base64 of raw deflate; web/source/wire.ts reads them.

A page that is opened from disk may load scripts, and nothing else.
"""

import json
import zlib
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any


def script(name: str, content: bytes) -> bytes:
    """Return a script that hands over bytes under a name."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = compressor.compress(content) + compressor.flush()
    return b'pykcovData("%s","%s")\n' % (name.encode("ascii"), b64encode(packed))


def json_bytes(value: Any) -> bytes:
    """Return JSON in ASCII: a lone surrogate, too, is text."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def numbers(values: Iterable[int]) -> bytes:
    """Return numbers that are not negative with 7 bits a byte, the lowest first; the top bit: more follow."""
    packed = bytearray()
    for value in values:
        while value > 127:
            packed.append(value & 127 | 128)
            value >>= 7
        packed.append(value)
    return bytes(packed)


def differences(values: Iterable[int]) -> Iterable[int]:
    """Return each number less the one before it."""
    last = 0
    for value in values:
        yield value - last
        last = value


def matrix(known: int, contexts: Mapping[int, int]) -> bytes:
    """Return the sets of lines of a file: those that could run first, then each that a context ran, once.

    Behind them the contexts, ascending, and the number of the set of each.
    """
    sets = dict.fromkeys([known])
    sets.update(dict.fromkeys(contexts.values()))
    index = {lines: number for number, lines in enumerate(sets)}
    words = max(lines.bit_length() + 31 >> 5 for lines in sets)
    packed = [numbers((words, len(sets))), *map(_runs, sets)]
    ascending = sorted(contexts)
    packed += [numbers((len(ascending),)), numbers(differences(ascending))]
    packed.append(numbers(index[contexts[context]] for context in ascending))
    return b"".join(packed)


def _runs(lines: int) -> bytes:
    """How many runs of lines there are; of each how far from the end of the one before, and how long."""
    found = []
    end = 0
    while lines:
        gap = (lines & -lines).bit_length() - 1
        lines >>= gap
        length = (~lines & lines + 1).bit_length() - 1
        lines >>= length
        found += [gap, length]
        end += gap + length
    return numbers((len(found) >> 1, *found))
