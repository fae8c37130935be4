"""DER by pyasn1 0.6.1."""

import sys

import atheris

with atheris.instrument_imports():
    from pyasn1.codec.der.decoder import decode
    from pyasn1.error import PyAsn1Error


def TestOneInput(data):
    try:
        decode(data)
    except PyAsn1Error:
        pass


atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
