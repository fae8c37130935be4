"""Keys in DER by ecdsa 0.19.1."""

import sys

import atheris

with atheris.instrument_imports(include=["ecdsa"]):
    from ecdsa import SigningKey, VerifyingKey
    from ecdsa.der import UnexpectedDER
    from ecdsa.errors import MalformedPointError


@atheris.instrument_func
def TestOneInput(data):
    provider = atheris.FuzzedDataProvider(data)
    kind = VerifyingKey if provider.ConsumeBool() else SigningKey
    try:
        kind.from_der(provider.ConsumeBytes(atheris.ALL_REMAINING))
    except (UnexpectedDER, MalformedPointError):
        pass


atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
