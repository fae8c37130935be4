"""YAML by PyYAML over libyaml, a native extension, and by its own parser."""

import sys

import atheris

with atheris.instrument_imports(include=["yaml"]):
    import yaml


def load(text, loader):
    try:
        return yaml.load(text, loader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None


@atheris.instrument_func
def TestOneInput(data):
    provider = atheris.FuzzedDataProvider(data)
    text = provider.ConsumeUnicodeNoSurrogates(provider.remaining_bytes())
    load(text, yaml.CSafeLoader)
    load(text, yaml.SafeLoader)


atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
