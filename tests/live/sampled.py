"""Runs a program and prints one sample of it, taken when all has ended: `sampled.py MODE SCRIPT`."""

import sys

from pykcov.live.sampling import Sampler
from pykcov.modes import compares
from pykcov.program.supervisor import Request, run


class Watch:
    terminal = ""
    replaced = ()

    def look(self, buffers, wait):
        self.sampler = Sampler(buffers, compares(sys.argv[1]))
        return wait()


request = Request(
    program=sys.argv[2],
    kind="path",
    arguments=(),
    mode=sys.argv[1],
    granularity="block" if compares(sys.argv[1]) else "line",
    include=(),
    exclude=(),
    source=(),
    stdlib=False,
    nmemb=262144,
)
watch = Watch()
run(request, watch)
sample = watch.sampler.sample()
print(
    {
        "threads": [one.name for one in sample.threads],
        "lines": (sample.lines, sample.known),
        "recent": [one.place for one in sample.recent],
        "unmatched": [tuple(one) for one in sample.unmatched],
    }
)
