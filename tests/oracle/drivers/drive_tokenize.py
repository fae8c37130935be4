"""tokenize over a source of the standard library, and back; encodings; errors."""

import io

from fresh import fresh

INCLUDE = ["tokenize", "token"]
fresh("token")
tokenize = fresh("tokenize")

SOURCE = '''# -*- coding: latin-1 -*-
import os, sys
def function(a, *b, c=1, **d) -> int:
    """Docstring."""
    x = f"value {a!r:>{c}} {{}}" + r'raw' + b"bytes".decode()
    y = 0x1F + 0o17 + 0b11 + 1_000 + 1.5e-3 + 2j
    if x and not y or a is b:
        return [i ** 2 for i in range(10) if i % 2 != 0]
    lambda: (yield)
    x = (1 +
         2) \\
        + 3
class A(object, metaclass=type):

    @property
    async def f(self): await g(self); self.x @= 3; x: int = 3; y := 1 ; z <<= 2; ...
    if 1:
        pass
'''
tokens = list(tokenize.tokenize(io.BytesIO(SOURCE.encode()).readline))
for token in tokens:
    print(token)
print(tokens[5].exact_type)
print(tokenize.untokenize(tokens))
print(tokenize.untokenize(token[:2] for token in tokens))
with open(tokenize.__file__, "rb") as file:
    print(len(list(tokenize.tokenize(file.readline))))
for encoded in (
    b"\xef\xbb\xbfx = 1\n",
    b"# coding: utf-8\n",
    b"\n# vim: set fileencoding=iso-8859-15 :\n",
    b"",
    b"x\ny\n",
):
    print(tokenize.detect_encoding(io.BytesIO(encoded).readline))
for broken in (b"# coding: nonsense\n", b"\xef\xbb\xbf# coding: latin-1\n", b"\xff\n"):
    try:
        tokenize.detect_encoding(io.BytesIO(broken).readline)
    except SyntaxError as error:
        print(error)
for broken in ("(", '"""', "if 1:\n    a\n  b\n", "a $ b ? 'x\n"):
    try:
        print(len(list(tokenize.generate_tokens(io.StringIO(broken).readline))))
    except (tokenize.TokenError, SyntaxError) as error:
        print(type(error).__name__)
with tokenize.open(tokenize.__file__) as file:
    print(file.encoding)
