"""CommonMark by markdown-it-py 2.1.0."""

import sys

import atheris

with atheris.instrument_imports(include=["markdown_it", "mdurl"]):
    from markdown_it import MarkdownIt


@atheris.instrument_func
def TestOneInput(data):
    provider = atheris.FuzzedDataProvider(data)
    MarkdownIt().render(provider.ConsumeUnicodeNoSurrogates(provider.remaining_bytes()))


atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
