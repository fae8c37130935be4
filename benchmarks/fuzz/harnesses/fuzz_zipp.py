"""Paths in zip files by zipp 3.19.0, which hangs."""

import io
import sys
import zipfile

import atheris
import began

# One that is read: what is written here is not what a file that is closed must have.
EMPTY = b"PK\x05\x06" + bytes(18)

with atheris.instrument_imports(include=["zipp"]):
    import zipp


@atheris.instrument_func
def TestOneInput(data):
    began.note()
    provider = atheris.FuzzedDataProvider(data)
    names = [provider.ConsumeUnicodeNoSurrogates(12) for _ in range(provider.ConsumeIntInRange(1, 4))]
    archive = zipfile.ZipFile(io.BytesIO(EMPTY))
    for name in names:
        archive.filelist.append(zipfile.ZipInfo(name or "x"))
        archive.NameToInfo[archive.filelist[-1].filename] = archive.filelist[-1]
    for path in zipp.Path(archive).iterdir():
        path.is_dir()


atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
