"""TOML by toml 0.10.2."""

import sys

import atheris

with atheris.instrument_imports(include=["toml"]):
    import toml


@atheris.instrument_func
def TestOneInput(data):
    provider = atheris.FuzzedDataProvider(data)
    try:
        toml.loads(provider.ConsumeUnicode(provider.remaining_bytes()))
    except toml.TomlDecodeError:
        pass


def main():
    atheris.Setup(sys.argv, TestOneInput)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
