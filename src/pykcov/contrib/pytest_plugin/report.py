"""Reports at the end of a run. coverage.py makes them, and reads its configuration for that."""

import io
import os
import shutil
import tempfile
from collections.abc import Iterable

from coverage import Coverage, CoverageData

from pykcov.coverage.contexts import Ran
from pykcov.coverage.datafile import numbers_of
from pykcov.coverage.native_code import PLUGIN, plugin


def report(format: str, where: str | None, data_file: str, ran: Ran) -> tuple[str, str]:
    """Make a report of a data file; return what was written, and what is to be shown. Raises what coverage.py raises.

    where: a file, for html a folder; None is what the configuration or coverage.py says, for text the terminal.
    """
    with tempfile.TemporaryDirectory(prefix="pykcov-") as folder:
        native = {file: numbers_of(ran.known.get(file, 0)) for file in ran.native}
        if native:
            data_file = _marked(data_file, os.path.join(folder, "data"), native)
        coverage = Coverage(data_file=data_file, plugins=[plugin(native)])
        coverage.load()
        return _render(coverage, format, where)


def _marked(data_file: str, copy: str, native: Iterable[str]) -> str:
    """Copy a data file and say in the copy which files are no Python: without the plugin coverage.py would fall."""
    shutil.copyfile(data_file, copy)
    data = CoverageData(copy)
    data.read()
    data.add_file_tracers(dict.fromkeys(native, PLUGIN))
    data.write()
    data.close()
    return copy


def _render(coverage: Coverage, format: str, where: str | None) -> tuple[str, str]:
    if format == "text":
        text = io.StringIO()
        coverage.report(file=text, show_missing=True, ignore_errors=True)
        if where is None:
            return "", text.getvalue()
        with open(where, "w", encoding="utf-8") as file:
            file.write(text.getvalue())
    elif format == "html":
        coverage.html_report(directory=where, show_contexts=True, ignore_errors=True)
        where = where or str(coverage.get_option("html:directory"))
    elif format == "xml":
        coverage.xml_report(outfile=where, ignore_errors=True)
        where = where or str(coverage.get_option("xml:output"))
    elif format == "lcov":
        coverage.lcov_report(outfile=where, ignore_errors=True)
        where = where or str(coverage.get_option("lcov:output"))
    else:
        coverage.json_report(outfile=where, show_contexts=True, ignore_errors=True)
        where = where or str(coverage.get_option("json:output"))
    return where, ""
