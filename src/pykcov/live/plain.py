"""What `pykcov run --live` says in lines where there is no terminal for a view."""

import sys
from threading import Event

from pykcov.counted import counted
from pykcov.live.sampling import Sample, Sampler

_SECONDS = 1.0


def print_lines(sampler: Sampler, is_comparing: bool, ended: Event) -> None:
    """Print a line a second on standard error until `ended`."""
    while sys.stderr is not None and not ended.wait(_SECONDS):
        sample = sampler.sample()
        busiest = max(sample.threads, key=lambda one: one.new, default=None)
        where = f"; {busiest.name} at {busiest.place}" if busiest is not None and busiest.place else ""
        try:
            print(f"pykcov: {totals(sample, is_comparing)}{where}", file=sys.stderr, flush=True)
        except OSError:
            return  # nobody reads any longer


def totals(sample: Sample, is_comparing: bool) -> str:
    """Return in one line how much runs and how much was recorded."""
    running = sum(one.state == "running" for one in sample.processes)
    threads = sum(one.state != "ended" for one in sample.threads)
    entries, new = (sum(getattr(one, name) for one in sample.threads) for name in ("entries", "new"))
    parts = [
        f"{sample.seconds:.0f} s",
        f"{counted(running, 'process', 'processes')}, {counted(threads, 'thread')}",
    ]
    if is_comparing:
        parts.append(f"{len(sample.unmatched)} places never matched")
    else:
        lines = rate(sample.new_lines, sample.elapsed) or "0"
        parts.append(f"{sample.lines:,d} of {counted(sample.known, 'line', digits=',d')}, {lines} new a second")
    parts.append(f"{entries:,d} entries, {rate(new, sample.elapsed) or '0'} a second")
    parts.append(f"{sample.dropped:,d} dropped")
    return "; ".join(parts)


def rate(number: int, seconds: float) -> str:
    """Return how many a second that is; '' for none."""
    return f"{number / max(seconds, 1e-3):,.0f}" if number else ""
