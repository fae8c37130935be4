"""Reports at the end of a run, as pytest-cov makes them. coverage.py renders them, and reads its configuration."""

import io
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from coverage import Coverage, CoverageData
from coverage.exceptions import CoverageWarning

from pykcov.coverage.configuration import Configuration
from pykcov.coverage.contexts import Ran
from pykcov.coverage.masks import numbers_of
from pykcov.coverage.native_code import PLUGIN, plugin

Kind = tuple[str, str | None]
"""Of a report, and what stands behind its colon."""


@dataclass
class Reports:
    """What was reported."""

    total: float = 0.0
    """Per cent."""
    on_terminal: str = ""
    written: list[str] = field(default_factory=list)
    """What was written where, in words."""
    complaints: list[str] = field(default_factory=list)


def make_reports(
    kinds: Sequence[Kind], configuration: Configuration, data_file: str, ran: Ran, precision: int
) -> Reports:
    """Report a data file. What fails is in the complaints, whatever it was: the run is over, and its data is kept."""
    made = Reports()
    with tempfile.TemporaryDirectory(prefix="pykcov-") as folder, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", CoverageWarning)
        try:
            native = {file: numbers_of(ran.known.get(file, 0)) for file in ran.native}
            if native:
                data_file = _marked(data_file, os.path.join(folder, "data"), native)
            coverage = configuration.coverage(data_file, plugin(native) if native else None)
            coverage.load()
            made.total = coverage.report(
                file=io.StringIO(), output_format="total", precision=precision, ignore_errors=True
            )
        except Exception as error:  # coverage.py has errors of many kinds
            made.complaints.append(f"no report could be made: {error}")
            return made
        for kind, where in kinds:
            try:
                _make(coverage, kind, where, precision, made)
            except Exception as error:  # the same
                made.complaints.append(f"no report of type {kind} could be made: {error}")
    texts = dict.fromkeys(str(one.message) for one in warned if issubclass(one.category, CoverageWarning))
    # Those of the configuration were said when the run began.
    made.complaints += [text for text in texts if text not in configuration.remarks]
    return made


def heading() -> str:
    """Return what pytest-cov's heading says of this Python."""
    version = "{}.{}.{}-{}-{}".format(*sys.version_info)
    return f"coverage: platform {sys.platform}, python {version}"


def _marked(data_file: str, copy: str, native: Iterable[str]) -> str:
    """Copy a data file and say in the copy which files are no Python: without the plugin coverage.py would fall."""
    shutil.copyfile(data_file, copy)
    data = CoverageData(copy)
    data.read()
    data.add_file_tracers(dict.fromkeys(native, PLUGIN))
    data.write()
    data.close()
    return copy


def _make(coverage: Coverage, kind: str, where: str | None, precision: int, made: Reports) -> None:
    common: dict[str, Any] = {"ignore_errors": True}
    text = common | {"precision": precision}
    if kind in ("term", "term-missing") or (kind == "text" and where is None):
        output = io.StringIO()
        missing = None if kind == "term" else True
        coverage.report(file=output, show_missing=missing, skip_covered=where == "skip-covered" or None, **text)
        made.on_terminal += output.getvalue()
    elif kind in ("text", "markdown", "markdown-append"):
        where = where or "coverage.md"
        with open(where, "a" if kind == "markdown-append" else "w", encoding="utf-8") as file:
            form: dict[str, Any] = {"show_missing": True} if kind == "text" else {"output_format": "markdown"}
            coverage.report(file=file, **text, **form)
        made.written.append(f"Coverage {kind} written to file {where}")
    elif kind == "annotate":
        coverage.annotate(directory=where, **common)
        made.written.append(f"Coverage annotated source written {f'to dir {where}' if where else 'next to source'}")
    else:
        render, target, option, place, more = _WRITERS[kind]
        render(coverage, **{target: where}, **common, **more)
        made.written.append(f"Coverage {kind.upper()} written to {place} {where or coverage.get_option(option)}")


_CONTEXTS = {"show_contexts": True}
_WRITERS: Mapping[str, tuple[Callable[..., float], str, str, str, Mapping[str, Any]]] = {
    "html": (Coverage.html_report, "directory", "html:directory", "dir", _CONTEXTS),
    "xml": (Coverage.xml_report, "outfile", "xml:output", "file", {}),
    "json": (Coverage.json_report, "outfile", "json:output", "file", _CONTEXTS),
    "lcov": (Coverage.lcov_report, "outfile", "lcov:output", "file", {}),
}
"""Of a kind: its method, the argument that says where to, the option that does, what it writes, other arguments."""
