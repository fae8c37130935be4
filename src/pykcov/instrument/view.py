"""What programs see of code that has probes: the code as it was before (_view.c); and who compiles what he sees.

Compiled code hits no probes, so it is named in skipped().
"""

import sys
from array import array
from collections.abc import Mapping
from types import CodeType

from pykcov import _view
from pykcov._core import CompareProbe, Probe
from pykcov._exec import Unrecorded
from pykcov.instrument.originals import kind_of, left_out_of, original_of, twin_of
from pykcov.instrument.rewrite import laid_out
from pykcov.instrument.skips import skip
from pykcov.traces.locations import owner

# By the beginning of the names of modules that read bytecode in order to run something else in its place.
_COMPILERS = {"numba.": "numba", "torch._dynamo.": "torch.compile"}
_FRAMES = 8


def show_originals() -> None:
    """Let programs see code as it was before it got probes, for the rest of the process."""
    _view.install(_find, _told, Probe, CompareProbe)


def _find(code: CodeType) -> tuple[CodeType, tuple[object, ...], bytes] | None:
    """Return what _view.c wants to know of code with probes; None if that is not known here, as it is a stranger's."""
    with Unrecorded():
        known = code if kind_of(code) is not None else twin_of(code) or code
        original, kind = original_of(known), kind_of(known)
        if original is None or kind is None:
            return None
        there = _view.code(code)
        left_out = left_out_of(known)
        if left_out and there == original.co_code:
            # No probe is left, nor anything else (vanish.py).
            return original, _view.constants(code)[: len(original.co_consts)], _offsets(original, {}, there)
        for one in dict.fromkeys([kind, kind._replace(compare=False)]):  # the latter: quiet.py
            written, units = laid_out(original, granularity=one.granularity, compare=one.compare, left_out=left_out)
            if written == there:
                break
        else:
            return None
        return original, _view.constants(code)[: len(original.co_consts)], _offsets(original, units, written)


def _offsets(original: CodeType, units: Mapping[int, int], written: bytes) -> bytes:
    """Return for each code unit that of the original that it belongs to."""
    offsets = array("I")
    for unit in range(len(original.co_code) // 2):
        offsets.extend([unit] * (1 + units.get(unit, 0)))
    offsets.extend([offsets[-1]] * (len(written) // 2 - len(offsets)))  # what stands behind the code
    return offsets.tobytes()


def _told(code: CodeType) -> None:
    with Unrecorded():
        frame = sys._getframe(1)
        for _ in range(_FRAMES):
            module = frame.f_globals.get("__name__")
            for beginning, name in _COMPILERS.items():
                if type(module) is str and module.startswith(beginning):
                    _skip_compiled(code, name)
                    return
            if frame.f_back is None:
                return
            frame = frame.f_back


def _skip_compiled(code: CodeType, compiler: str) -> None:
    probe = _view.constants(code)[-1]
    assert isinstance(probe, Probe | CompareProbe)
    module, _ = owner(probe.pc) or ("", "")
    skip(f"{module}.{code.co_qualname}", f"{compiler} reads its bytecode: what it compiles of that hits no probes")
