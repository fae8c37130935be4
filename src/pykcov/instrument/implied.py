"""Blocks that need no probe to tell inputs apart: whether they were reached follows from the probes of others.

It does of a block from which control surely goes on to one of some others that can be reached only by way of it: the
condition of an if or a while. And of one to which control surely comes from all that lead to it: what stands behind
both branches of an if. Surely means that nothing in between is likely to raise: calls, subscripts and iterators do.
"""

from bisect import bisect_right

from pykcov.instrument.blocks import Blocks
from pykcov.instrument.opcodes import CALM, GET_ANEXT


def implied(opcodes: bytes, blocks: Blocks, probed: set[int]) -> set[int]:
    """Return the offsets of those of the blocks at `probed` whose probes can be left out. Not that of the first one."""
    if GET_ANEXT in opcodes:
        return set()  # how an async for goes on is not in the jumps
    extents = list(blocks.extents(len(opcodes)))
    before, behind = _neighbours(blocks, extents)
    calm = {start for start, end in extents if not opcodes[start:end].translate(None, CALM)}
    first = extents[0][0]
    dominators = _dominators(extents, before)
    # In both cases none that is relied upon may be without a probe for the other reason, nor lack one anyhow.
    shown_behind = {
        start
        for start in calm & probed
        if start != first and behind[start] and all(_passes(dominators, start, next_) for next_ in behind[start])
    }
    while unsure := {start for start in shown_behind if not behind[start] <= probed}:
        shown_behind -= unsure
    relied_upon = {next_ for start in shown_behind for next_ in behind[start]}
    shown_before = {
        start
        for start in probed - shown_behind - relied_upon
        if start != first
        and before[start]
        and all(
            each in calm and each in probed and each not in shown_behind and behind[each] == {start}
            for each in before[start]
        )
    }
    return shown_behind | shown_before


def _neighbours(blocks: Blocks, extents: list[tuple[int, int]]) -> tuple[dict[int, set[int]], dict[int, set[int]]]:
    """Return of each block those from which control comes, none if it may come from elsewhere, and those to which."""
    starts = [start for start, _ in extents]
    before: dict[int, set[int]] = {start: set() for start in starts}
    behind: dict[int, set[int]] = {start: set() for start in starts}
    for start, leading in blocks.leading_to.items():
        sources = {starts[bisect_right(starts, jump.offset) - 1] for jump in leading}
        if blocks.falls_into(start):
            sources.add(starts[bisect_right(starts, start) - 2])
        for source in sources:
            behind[source].add(start)
            before[start].add(source)
    for start in starts[0], *blocks.clearing_handlers:
        before[start].clear()
    return before, behind


def _dominators(extents: list[tuple[int, int]], before: dict[int, set[int]]) -> dict[int, int]:
    """Return of each block the set of those that control has come through when it comes there, as bits by offset."""
    everything = -1
    found = {start: everything for start, _ in extents}
    changed = True
    while changed:
        changed = False
        for start, _ in extents:
            common = everything if before[start] else 0
            for source in before[start]:
                common &= found[source]
            if common | 1 << start != found[start]:
                found[start] = common | 1 << start
                changed = True
    return found


def _passes(dominators: dict[int, int], start: int, other: int) -> bool:
    return other != start and bool(dominators[other] >> start & 1)
