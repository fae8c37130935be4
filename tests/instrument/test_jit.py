"""Probes in code that is hot: neither the specialising interpreter nor the JIT of 3.14 and later loses an event.

CPython may fold `~` of constants that it knows, as it does for built-in ones. A probe is none.
"""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys

import pykcov
from pykcov.instrument.code import instrument_code

SOURCE = '''
def count(number):
    total = 0
    for one in range(number):
        if one % 3 == 0:
            total += 1
        else:
            total -= 1
    return total
'''
names = {}
exec(instrument_code(compile(SOURCE, "hot.py", "exec"), "hot", granularity="line", compare=True), names)
for mode in (pykcov.TRACE_PC, pykcov.TRACE_CMP):
    with pykcov.open() as device:
        device.set_buffer_size(pykcov.BUFFER_WORDS_MAX)
        buffer = device.mmap()
        names["count"](20_000)  # hot, while no device records
        device.enable(mode)
        names["count"](20_000)
        device.disable()
        print(buffer.count, device.dropped)
jit = getattr(sys, "_jit", None)
print("JIT", jit is not None and jit.is_enabled())
"""


@pytest.mark.parametrize("jit", ["0", "1"])
def test_each_hit_of_a_hot_loop_is_an_event(jit: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"PYTHON_JIT": jit},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    hits, comparisons, enabled = done.stdout.splitlines()
    # Before the loop, in each of its rounds the test and one of two ways, and behind it.
    assert hits == "40002 0"
    assert comparisons == "20000 0"
    if jit == "0":
        assert enabled == "JIT False"
