"""html5lib: HTML becomes a tree as browsers make it, and is written out again."""

import zlib
from collections.abc import Callable

import html5lib
import html5lib._inputstream
import html5lib._tokenizer
import html5lib.html5parser
import html5lib.serializer
import html5lib.treebuilders.base
import html5lib.treebuilders.etree
import html5lib.treewalkers.base
import html5lib.treewalkers.etree

INSTRUMENTED = [
    html5lib._inputstream,
    html5lib._tokenizer,
    html5lib.html5parser,
    html5lib.serializer,
    html5lib.treebuilders.base,
    html5lib.treebuilders.etree,
    html5lib.treewalkers.base,
    html5lib.treewalkers.etree,
]
ITERATIONS = 550

PAGE = """<!DOCTYPE html><html><head><title>t &amp; u</title><script>if (a < b) c();</script></head>
<body class=x><h1>Head<p>one <b>two <i>three</b> four</i><table><tr><td>cell<td>cell</table>
<ul><li>a<li>b &lt; c</ul><select><option>1<option selected>2</select><!-- end --></body></html>"""


def prepare() -> Callable[[int], int]:
    def run(iteration: int) -> int:
        tree = html5lib.parse(PAGE + "<p>" * (iteration % 5))
        return zlib.crc32(html5lib.serialize(tree).encode())

    return run
