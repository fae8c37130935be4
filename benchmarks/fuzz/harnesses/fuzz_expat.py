"""XML by expat: C code that nobody sees into, so that next to nothing has probes."""

import sys
from xml.parsers import expat

import atheris


@atheris.instrument_func
def TestOneInput(data):
    try:
        expat.ParserCreate().Parse(data, True)
    except expat.ExpatError:
        return


atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
