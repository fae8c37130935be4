"""PyYAML, in Python."""

import sys

import atheris

with atheris.instrument_imports():
    import yaml


@atheris.instrument_func
def TestOneInput(data):
    provider = atheris.FuzzedDataProvider(data)
    try:
        yaml.load(provider.ConsumeUnicodeNoSurrogates(sys.maxsize), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return


def main():
    atheris.instrument_all()
    atheris.Setup(sys.argv, TestOneInput)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
