"""A custom mutator: inputs are compressed, and changed in between."""

import sys
import zlib

import atheris

with atheris.instrument_imports(include=["shapes"]):
    import shapes


def mutate(data, max_size, seed):
    try:
        text = zlib.decompress(data)
    except zlib.error:
        text = b"square:1"
    return zlib.compress(atheris.Mutate(text, len(text) + 8))


def TestOneInput(data):
    try:
        text = zlib.decompress(data).decode()
    except (zlib.error, UnicodeDecodeError):
        return
    shapes.area(text, strict=True)


atheris.Setup(sys.argv, TestOneInput, custom_mutator=mutate)
atheris.Fuzz()
