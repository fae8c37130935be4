"""Every option of coverage.py's configuration: followed here, or why not. docs/coverage.md has the same table."""

from collections.abc import Mapping
from typing import Final

FOLLOWED: Final = frozenset(
    {
        *("run:branch", "run:concurrency", "run:cover_pylib", "run:data_file", "run:disable_warnings", "run:include"),
        *("run:omit", "run:parallel", "run:plugins", "run:relative_files", "run:source", "run:source_dirs"),
        *("run:source_pkgs",),
        *("report:contexts", "report:exclude_also", "report:exclude_lines", "report:fail_under", "report:format"),
        *("report:ignore_errors", "report:include", "report:include_namespace_packages", "report:omit"),
        *("report:partial_also", "report:partial_branches", "report:partial_branches_always", "report:precision"),
        *("report:show_missing", "report:skip_covered", "report:skip_empty", "report:sort"),
        *("html:directory", "html:extra_css", "html:show_contexts", "html:skip_covered", "html:skip_empty"),
        *("html:title", "json:output", "json:pretty_print", "json:show_contexts", "lcov:line_checksums"),
        *("lcov:output", "paths", "xml:output", "xml:package_depth"),
    }
)
"""By pykcov, or by coverage.py, which makes the reports."""

NOT_FOLLOWED: Final[Mapping[str, str]] = {
    "run:command_line": "name the program on the command line",
    "run:context": "contexts are the names of tests, or of threads",
    "run:core": "probes record what runs, and no trace function",
    "run:debug": "`pykcov dump` and `pykcov doctor` show what was recorded and what can be",
    "run:debug_file": "nothing is written to it",
    "run:dynamic_context": "tests (`pytest --pykcov`) and threads (`pykcov run`) are told apart without it",
    "run:patch": "docs/coverage.md says which child processes are traced",
    "run:sigterm": "`pykcov run` keeps what ran however the program ends; a `pytest --pykcov` that is terminated keeps "
    "nothing",
    "run:timid": "probes record what runs, and no trace function",
}
"""Why these are not; each is named once where it is set."""
