"""tomllib: configuration files in pure Python."""

import random
import tomllib
import tomllib._parser
import tomllib._re
import zlib
from collections.abc import Callable

INSTRUMENTED = [tomllib._parser, tomllib._re]
ITERATIONS = 165


def prepare() -> Callable[[int], int]:
    rng = random.Random(9)

    def value(depth: int) -> str:
        kinds = ["int", "float", "text", "literal", "bool", "date", "hex"] + ["array", "table"] * (depth > 0)
        match rng.choice(kinds):
            case "int":
                return f"{rng.randrange(10**6):_}"
            case "float":
                return f"{rng.random() * 100:.4f}"
            case "text":
                return '"text \\t \\u00e9 ' + "word " * rng.randrange(6) + '"'
            case "literal":
                return "'c:\\path'"
            case "bool":
                return rng.choice(["true", "false"])
            case "date":
                return "1979-05-27T07:32:00.5+01:00"
            case "hex":
                return hex(rng.randrange(10**6))
            case "array":
                return "[\n" + "".join(f"  {value(depth - 1)}, # item\n" for _ in range(4)) + "]"
            case _:
                return "{ " + ", ".join(f"k{i} = {value(0)}" for i in range(3)) + " }"

    def document() -> str:
        out = ["title = 'generated'\n"]
        for section in range(8):
            out.append(f"\n[section{section}.sub]\n" if section % 3 else f"\n[[array{section}]]\n")
            out.extend(f"key{i}.part = {value(2)}\n" for i in range(6))
        return "".join(out)

    documents = [document() for _ in range(4)]

    def run(iteration: int) -> int:
        return zlib.crc32(repr(tomllib.loads(documents[iteration % len(documents)])).encode())

    return run
