"""Record what Atheris's FuzzedDataProvider makes of bytes: tests/data/provider.json.gz, for tests where it is missing.

    python tools/provider_vectors.py tests/data/provider.json.gz

A case is the bytes in hexadecimal, and calls one after the other: name, arguments, the value as ascii() shows it, and
how many bytes are left then. A list from which a value is picked is recorded as its size.
"""

import gzip
import json
import random
import sys
from pathlib import Path
from typing import Any

import atheris

CASES = 700
NO_ARGUMENTS = ("ConsumeBool", "ConsumeFloat", "ConsumeRegularFloat", "ConsumeProbability", "remaining_bytes", "buffer")
COUNTED = ("ConsumeBytes", "ConsumeUnicode", "ConsumeUnicodeNoSurrogates", "ConsumeString")
SIZED = ("ConsumeInt", "ConsumeUInt")
LISTS = ("ConsumeFloatList", "ConsumeRegularFloatList", "ConsumeProbabilityList")
RANGES = ("ConsumeIntInRange", "ConsumeFloatInRange", "ConsumeIntListInRange", "ConsumeFloatListInRange")
NAMES = (*NO_ARGUMENTS, *COUNTED, *SIZED, *LISTS, *RANGES, "ConsumeIntList", "PickValueInList")


def bounds(chance: random.Random, name: str) -> list[Any]:
    """Return the two ends of a range of integers, or of floats."""
    bits = chance.choice((3, 9, 40, 64, 70))
    ends: list[Any] = [chance.randint(-(2**bits), 2**bits) for _ in range(2)]
    if "Float" in name:
        ends = [float(end) / chance.choice((1, 3, 2**20)) for end in ends]
    return sorted(ends)


def arguments_of(chance: random.Random, name: str) -> list[Any]:
    """Return arguments for a method."""
    if name in COUNTED:
        return [chance.choice((*range(40), 2**31, 2**64 - 1))]
    if name in SIZED:
        return [chance.randrange(21)]
    if name in LISTS:
        return [chance.randrange(7)]
    if name in RANGES:
        return [*([chance.randrange(7)] if "List" in name else []), *bounds(chance, name)]
    if name == "ConsumeIntList":
        return [chance.randrange(7), chance.randrange(21)]
    return [chance.choice((1, 2, 100, 70000))] if name == "PickValueInList" else []


def case(chance: random.Random) -> tuple[str, list[Any]]:
    """Return the bytes and the calls of a case."""
    data = chance.randbytes(chance.randrange(90))
    if chance.random() < 0.5:
        data = bytes(byte & 0x7F for byte in data)  # of which text is made that is no noise
    provider = atheris.FuzzedDataProvider(data)
    calls = []
    for name in chance.choices(NAMES, k=chance.randrange(1, 12)):
        arguments = arguments_of(chance, name)
        given = [list(range(arguments[0]))] if name == "PickValueInList" else arguments
        value = getattr(provider, name)(*given)
        calls.append([name, arguments, ascii(value), provider.remaining_bytes()])
    return data.hex(), calls


def main() -> None:
    """Write the file that is named on the command line."""
    chance = random.Random(18)
    text = json.dumps([case(chance) for _ in range(CASES)], separators=(",", ":"))
    Path(sys.argv[1]).write_bytes(gzip.compress(text.encode("ascii"), mtime=0))


if __name__ == "__main__":
    main()
