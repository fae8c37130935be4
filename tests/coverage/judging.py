"""What coverage.py reports for a project, and what pykcov does: each in a process that a server forks for it."""

import io
import json
import multiprocessing
import os
import re
import sys
import textwrap
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from coverage import Coverage
from table import PROJECT, Case

from pykcov.contrib.pytest_plugin.recorder import Recorder
from pykcov.contrib.pytest_plugin.tracing import Tracing
from pykcov.coverage import datafile
from pykcov.coverage.bounds import fails_under
from pykcov.coverage.configuration import Given, read
from pykcov.coverage.contexts import OUTSIDE, Ran


def make(folder: Path, case: Case) -> None:
    """Write the project and what configures it."""
    for name, text in PROJECT.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip())
    (folder / case.file).write_text(case.text)


def forked(folder: Path, judge: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what `judge` returns in a process of its own, whose current folder is `folder`.

    It is not a child of the process that runs the tests: there other tests have left code with probes.
    """
    with ProcessPoolExecutor(1, mp_context=_FORKSERVER) as executor:
        return executor.submit(_judged, folder, judge).result()


def _judged(folder: Path, judge: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    os.chdir(folder)
    for name in [name for name in os.environ if name.startswith("COV")]:
        del os.environ[name]
    sys.path.insert(0, str(folder))
    warnings.simplefilter("ignore")
    return judge()


_FORKSERVER = multiprocessing.get_context("forkserver")
# What takes long to import; this module itself is not on the server's path before CPython 3.14.
_FORKSERVER.set_forkserver_preload(
    ["pytest", "coverage", "pykcov.contrib.pytest_plugin.tracing", "pykcov.coverage.datafile"]
)


def by_coverage() -> dict[str, Any]:
    """Run and report the project with coverage.py."""
    coverage = Coverage()
    coverage.start()
    __import__("app")
    coverage.stop()
    coverage.save()
    is_parallel = coverage.get_option("run:parallel")  # set by it for processes
    coverage = Coverage()
    if is_parallel:
        coverage.combine()
    coverage.load()
    return reported(coverage, float(str(coverage.get_option("report:fail_under"))))


def by_pykcov() -> dict[str, Any]:
    """The same as the plugin does it."""
    configuration = read(Given())
    tracing = Tracing(configuration, "arc" if configuration.branch else "line", follows=True)
    recorder = Recorder(OUTSIDE)
    __import__("app")
    recorder.close()
    tracing.stop()
    ran = Ran(unexecuted=dict.fromkeys(tracing.unexecuted()))
    ran.add(recorder.pcs, False, tracing.files(), {}, configuration.branch)
    ran.forget_idle(tracing.imported_before())
    relative_to = os.getcwd() if configuration.relative_files else None
    datafile.write(configuration.data_file, ran, {}, relative_to=relative_to)
    coverage = configuration.coverage(configuration.data_file)
    coverage.load()
    return reported(coverage, configuration.fail_under)


def reported(coverage: Coverage, bound: float) -> dict[str, Any]:
    """Return all numbers and the report on the terminal."""
    text = io.StringIO()
    total = coverage.report(file=text)
    coverage.json_report()
    found = json.loads(Path(str(coverage.get_option("json:output"))).read_text())
    precision = int(str(coverage.get_option("report:precision")))
    return {
        "text": text.getvalue(),
        "total": total,
        "fails": bool(bound) and fails_under(total, bound, precision),
        "files": {name: {key: of[key] for key in _KEYS if key in of} for name, of in found["files"].items()},
        "totals": found["totals"],
        # Where that is configured: it takes a while.
        "written": written(coverage) if coverage.get_option("html:directory") != "htmlcov" else {},
    }


def written(coverage: Coverage) -> dict[str, str]:
    """Return what the reports in files hold, but for when and with what they were made."""
    coverage.html_report()
    coverage.xml_report()
    coverage.lcov_report()
    folder = Path(str(coverage.get_option("html:directory")))
    files = [*folder.glob("*.html"), *(Path(str(coverage.get_option(f"{kind}:output"))) for kind in ("xml", "lcov"))]
    return {str(path): _WHEN.sub("", path.read_text()) for path in sorted(files)}


_WHEN = re.compile(r"created at [^<]*|timestamp=\S*|\?cb_\w+")
_KEYS = ("executed_lines", "summary", "missing_lines", "excluded_lines", "executed_branches", "missing_branches")
