"""Computes, sleeps and gets signals until it is told to end; then writes what went wrong: `computing.py FILE`."""

import math
import os
import signal
import sys
import time

alarms = 0


def count(number, frame):
    global alarms
    alarms += 1


def compute():
    total = 0.0
    for number in range(2000):
        total += math.sqrt(number) * math.sin(number)
    return total, sum(x * 0.1 for x in range(500)), bytes(range(256)) * 20


signal.signal(signal.SIGALRM, count)
signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
expected = compute()
wrong = 0
before = set(globals()) | {"before"}
open(sys.argv[1] + ".begun", "w").close()
while not os.path.exists(sys.argv[1] + ".end"):
    wrong += compute() != expected
    time.sleep(0.001)
signal.setitimer(signal.ITIMER_REAL, 0)
with open(sys.argv[1], "w") as file:
    file.write(repr((wrong, alarms, sorted(set(globals()) - before - {"file"}))))
