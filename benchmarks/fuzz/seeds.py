"""Inputs for the harnesses: documents that parsers have much to do with, and changed copies of them."""
# ruff: noqa: E501

import io
import random
import tarfile
from pathlib import Path

TEXTS = {
    "markdown": '# Title\n\nSome *text* with `code` and [a link](http://x.org "t").\n\n* one\n* two\n    > quoted <b>x</b>\n\n',
    "htmlparser": "<!DOCTYPE html><div class=\"a b\" id=x>one &amp; <b>two</b><br/><!-- c --><a href='/x?y=1'>z</a></div>\n",
    "toml": 'title = "a \\"b\\" c"\n[owner]\nname = "x"\ndob = 1979-05-27T07:32:00Z\n[a.b]\nports = [ 1, 2, 3 ]\nok = true\n',
    "dateutil": "Thu Sep 25 2003 10:36:28.5 am UTC+3 ",
    "json": '{"a": [1, 2.5e3, -7, "x\\u0041y", null, true, false], "b": {"c": {}, "d": []}, "e": "text"}, ',
    "yaml": "- a: 1\n  b: [x, y, {z: 2}]\n  c: |\n    block\n  d: 'quoted'\n  e: !!int \"3\"\n# comment\n",
    "pygments": 'fun f (x, y) = let val z = x + y in if z > 3 then "big" else "small" end (* c *)\n',
}
TEXTS["html5lib"] = TEXTS["threaded"] = TEXTS["htmlparser"]
TEXTS["markdown_it"] = TEXTS["markdown"]
TEXTS["tomllib"] = TEXTS["toml"]

# What FuzzedDataProvider takes for "an ASCII string follows".
ASCII = {"markdown", "toml", "dateutil", "yaml", "markdown_it"}


def document(name: str, size: int) -> bytes:
    """Return one input of about so many bytes."""
    if name == "pyasn1":
        return _der(size)
    if name == "tarfile":
        return _tar(size)
    if name == "json":
        body = TEXTS[name] * max(size // len(TEXTS[name]), 1)
        return f"[{body}0]".encode()
    text = TEXTS[name]
    if name in ("toml", "tomllib"):
        pieces = [text.replace("owner", f"o{i}").replace("a.b", f"a{i}.b") for i in range(size // len(text) + 1)]
        text = "".join(pieces).replace("title", "t", 1)
        text = "\n".join(line for i, line in enumerate(text.split("\n")) if i == 0 or not line.startswith("title"))
    else:
        text = text * (size // len(text) + 1)
    data = text.encode()[:size]
    return b"\x01" + data if name in ASCII else data


def inputs(name: str, size: int, count: int, seed: int = 1) -> list[bytes]:
    """Return so many inputs: the document, and copies of it in which a few bytes are others."""
    source = random.Random(f"{name}{size}{seed}")
    base = document(name, size)
    result = [base]
    while len(result) < count:
        data = bytearray(base)
        for _ in range(source.randint(1, 3)):
            at = source.randrange(1, len(data))
            data[at] = source.choice(b"abc019<>[]{}()*_#=:'\"\\ \n-")
        result.append(bytes(data))
    return result


def write(folder: Path, found: list[bytes]) -> None:
    """Write inputs as a corpus."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(found):
        (folder / f"{number:05}").write_bytes(data)


def _der(size: int) -> bytes:
    body = b"\x02\x01\x05\x04\x03abc\x0c\x02hi\x05\x00\x06\x03\x2a\x03\x04\x30\x06\x02\x01\x01\x02\x01\x02"
    body *= max(size // len(body), 1)
    length = len(body)
    return b"\x30\x82" + length.to_bytes(2, "big") + body


def _tar(size: int) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for number in range(max(size // 512, 1)):
            archive.addfile(tarfile.TarInfo(f"file-{number}-ü"))
    return stream.getvalue()
