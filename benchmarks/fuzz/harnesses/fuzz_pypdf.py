"""PDF by pypdf 3.8.1."""

import io
import sys

import atheris
import began

with atheris.instrument_imports(include=["pypdf"]):
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError


@atheris.instrument_func
def TestOneInput(data):
    began.note()
    try:
        reader = PdfReader(io.BytesIO(data))
        for page in reader.pages:
            page.extract_text()
    except (PyPdfError, RecursionError):
        return


def main():
    import logging

    logging.disable(logging.CRITICAL)
    atheris.Setup(sys.argv, TestOneInput)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
