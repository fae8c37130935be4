"""Flags of its own by argparse; what it does not know is libFuzzer's."""

import argparse
import sys

import atheris

with atheris.instrument_imports(include=["shapes"]):
    import shapes


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--strict", action="store_true", default=True)
    options, rest = parser.parse_known_args()

    def test_one_input(data):
        provider = atheris.FuzzedDataProvider(data)
        shapes.area(provider.ConsumeUnicodeNoSurrogates(40), strict=options.strict)

    atheris.Setup([sys.argv[0], *rest], test_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
