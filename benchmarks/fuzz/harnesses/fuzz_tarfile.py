"""tarfile of the standard library."""

import io
import sys

import atheris

with atheris.instrument_imports():
    import tarfile

atheris.instrument_all()


def TestOneInput(data):
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for member in archive:
                member.isreg()
    except tarfile.TarError:
        pass


atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
