"""For targets with inputs that hang: tells benchmarks/fuzz/bugs.py when the last execution began."""

import os
import struct
import time

_noted = os.open(os.environ.get("BEGAN", os.devnull), os.O_RDWR)


def note():
    os.pwrite(_noted, struct.pack("d", time.process_time()), 0)
