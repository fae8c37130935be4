"""HTTP/1.1 by h11: a state machine whose pieces are found by regular expressions."""

import sys

import atheris

with atheris.instrument_imports(include=["h11"]):
    import h11


@atheris.instrument_func
def TestOneInput(data):
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    connection.receive_data(b"")
    try:
        while True:
            event = connection.next_event()
            if event in (h11.NEED_DATA, h11.PAUSED) or isinstance(event, h11.ConnectionClosed):
                break
    except h11.RemoteProtocolError:
        return


atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
