"""Keys in DER and PEM by ecdsa 0.13.2, which stands beside the newer one in a folder of its own."""

import os
import sys

import atheris

sys.path[1:1] = [os.path.join(folder, "old") for folder in sys.path]

with atheris.instrument_imports(include=["ecdsa"]):
    from ecdsa import SigningKey, VerifyingKey
    from ecdsa.der import UnexpectedDER


@atheris.instrument_func
def TestOneInput(data):
    provider = atheris.FuzzedDataProvider(data)
    kind = VerifyingKey if provider.ConsumeBool() else SigningKey
    read = kind.from_der if provider.ConsumeBool() else kind.from_pem
    try:
        read(provider.ConsumeBytes(atheris.ALL_REMAINING))
    except (UnexpectedDER, ValueError):
        pass  # its way to say that there is no such PEM


atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
