"""The decoder of JSON in the standard library, its Python half."""

import sys

import atheris

with atheris.instrument_imports(include=["json"]):
    import json.decoder
    import json.scanner

DECODER = json.JSONDecoder()
DECODER.parse_string = json.decoder.py_scanstring
DECODER.scan_once = json.scanner.py_make_scanner(DECODER)


@atheris.instrument_func
def TestOneInput(data):
    try:
        DECODER.decode(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return


atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
