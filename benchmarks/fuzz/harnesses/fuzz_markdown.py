"""Markdown to HTML: Markdown 3.8 hangs or fails on `<![`."""

import sys

import atheris

with atheris.instrument_imports(include=["markdown", "html"]):
    import markdown


def TestOneInput(data):
    provider = atheris.FuzzedDataProvider(data)
    markdown.markdown(provider.ConsumeUnicodeNoSurrogates(sys.maxsize))


def main():
    atheris.Setup(sys.argv, TestOneInput)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
