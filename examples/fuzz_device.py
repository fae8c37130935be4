"""Finds inputs that reach new code of a parser, with a device of pykcov: the heart of a coverage-guided fuzzer.

    python examples/fuzz_device.py [INPUTS]

The device is used as kernel fuzzers use kcov(4): open, size, map, then for each input enable, run, disable, read.
"""

import random
import sys

import pykcov

with pykcov.instrument_imports(include=["json"]):
    import json


def mutate(seed: bytes, corpus: list[bytes]) -> bytes:
    """Return a changed copy of `seed`: a byte replaced, a piece cut out, or a piece of another input put in."""
    other = random.choice(corpus)
    start, end = sorted(random.choices(range(len(seed) + 1), k=2))
    piece = random.choice([b"", bytes([random.randrange(32, 127)]), other[: random.randrange(len(other) + 1)]])
    return (seed[:start] + piece + seed[end:])[:100]


def main(inputs: int) -> None:
    """Fuzz json.loads() and print every input that reached a place for the first time."""
    corpus = [b'[1, "a", null]', b'{"b": -2.5e3}']
    known: set[int] = set()
    # Not json.loads() itself: without its C scanner all of the parser is Python.
    decoder = json.JSONDecoder()
    decoder.parse_string = json.decoder.py_scanstring
    decoder.scan_once = json.scanner.py_make_scanner(decoder)
    with pykcov.open() as device:
        device.set_buffer_size(1 << 16)
        buffer = device.mmap()
        for run in range(inputs):
            data = corpus[run] if run < 2 else mutate(random.choice(corpus), corpus)
            text = data.decode("utf-8", "replace")
            buffer.reset()
            device.enable(pykcov.TRACE_UNIQUE_PC)
            try:
                decoder.decode(text)
            except ValueError:
                pass
            finally:
                device.disable()
            new = set(buffer.pcs().tolist()) - known
            if new:
                known |= new
                corpus.append(data)
                places = ", ".join(sorted({f"{place.function}:{place.line}" for place in pykcov.symbolize(new)}))
                print(f"{text!r} reaches {places}")
    print(f"{inputs} inputs, {len(corpus)} kept, {len(known)} places reached")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20000)
