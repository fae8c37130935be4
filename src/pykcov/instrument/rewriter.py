"""Probed code for code that is there: from the cache, or else rewritten and put there."""

import os
import sys
from _frozen_importlib import ModuleSpec
from collections.abc import Iterable, Sequence
from types import CodeType, ModuleType

from pykcov.instrument import cache
from pykcov.instrument.code import instrument_code, is_instrumented
from pykcov.instrument.kind import Kind
from pykcov.instrument.rewrite import Granularity
from pykcov.instrument.selection import namespace_of
from pykcov.instrument.skips import skip


class Rewriter:
    """Makes probed code. What cannot be rewritten stays as it is, and is in skipped()."""

    def __init__(self, granularity: Granularity, compare: bool) -> None:
        """Take which probes code is to have."""
        self._kind = Kind(granularity, compare)

    def one(self, code: CodeType, module: str) -> CodeType:
        """Return the probed code of one code object of a module."""
        try:
            return instrument_code(code, module, granularity=self._kind.granularity, compare=self._kind.compare)
        except Exception as error:
            skip(f"{module}.{code.co_qualname}", f"{type(error).__name__}: {error}")
            return code

    def all(self, codes: Iterable[tuple[CodeType, str]]) -> list[CodeType]:
        """Return the probed code of code objects, each with the name of its module, in their order."""
        codes = list(codes)
        # By module and file: what a file of the cache is for.
        groups: dict[tuple[str, str], list[CodeType]] = {}
        for code, module in codes:
            if not is_instrumented(code):
                groups.setdefault((module, code.co_filename), []).append(code)
        found: dict[tuple[int, str], CodeType] = {}
        for (module, _), group in groups.items():
            probed = self._group(group, module)
            found.update(zip(((id(code), module) for code in group), probed, strict=True))
        return [found.get((id(code), module)) or self.one(code, module) for code, module in codes]

    def _group(self, codes: list[CodeType], module: str) -> Sequence[CodeType]:
        path = _bytecode_path(module, codes[0].co_filename)
        if path is None:
            return [self.one(code, module) for code in codes]
        # In which order they are found is chance.
        codes.sort(key=_place)
        known = cache.load_codes(codes, module, path, self._kind)
        if known is not None:
            return [found or self.one(code, module) for code, found in zip(codes, known, strict=True)]
        probed = [self.one(code, module) for code in codes]
        cache.store_codes(list(zip(codes, probed, strict=True)), module, path, self._kind)
        return probed


def _bytecode_path(name: str, file: str) -> str | None:
    """Return where the code of a module lies, or would; None if there is no such place, or `file` is another file."""
    module: object = sys.modules.get(name)
    specification = namespace_of(module).get("__spec__") if isinstance(module, ModuleType) else None
    if type(specification) is not ModuleSpec or not specification.has_location:
        return None
    path = specification.cached
    # What a module makes by exec() is of other files.
    same = type(path) is str and os.path.basename(path).partition(".")[0] == os.path.basename(file).removesuffix(".py")
    return path if same else None


def _place(code: CodeType) -> tuple[int, str, bytes]:
    return code.co_firstlineno, code.co_qualname, code.co_linetable
