"""A harness that runs another one in turns with other processes: one pass over the same inputs whenever it is told to.

The inputs are those of a folder; what libFuzzer makes is left aside, for it would be other ones under each engine, and
to read a corpus takes as long as a short execution.

Taken from the environment: TURNS_HARNESS, the other harness; TURNS_INPUTS, the folder; TURNS_GO and TURNS_TOOK, named
pipes. To close the first begins a pass, whose processor time, in seconds, goes to the second.
"""

import os
import runpy
import sys
import time
from pathlib import Path

import atheris


class Turns:
    """Replaces inputs by those of the folder, in their order."""

    def __init__(self, function):
        self.function = function
        self.inputs = [path.read_bytes() for path in sorted(Path(os.environ["TURNS_INPUTS"]).iterdir())]
        self.go, self.took = (os.environ[f"TURNS_{name}"] for name in ("GO", "TOOK"))
        self.next = 0
        self.began = None

    def __call__(self, data):
        if self.next == 0:
            self.change_turns()
        data = self.inputs[self.next]
        self.next = (self.next + 1) % len(self.inputs)
        return self.function(data)

    def change_turns(self):
        if self.began is not None:
            Path(self.took).write_text(f"{time.process_time() - self.began}")
        Path(self.go).read_bytes()
        self.began = time.process_time()


def main():
    setup = atheris.Setup
    atheris.Setup = lambda arguments, function, **rest: setup(arguments, Turns(function), **rest)
    sys.argv[0] = os.environ["TURNS_HARNESS"]
    sys.path.insert(0, os.path.dirname(sys.argv[0]))
    runpy.run_path(sys.argv[0], run_name="__main__")


main()
