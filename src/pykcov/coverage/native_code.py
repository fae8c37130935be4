"""Source files of native code, as a plugin of coverage.py."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from coverage import CoveragePlugin, FileReporter
from coverage.plugin_support import Plugins

PLUGIN = "pykcov.NativeCode"
"""What coverage.py calls the plugin."""


class NativeCode(CoveragePlugin):
    """Knows the lines of native code that a trace could have hit."""

    def __init__(self, lines: Mapping[str, Sequence[int]]) -> None:
        """Take the lines by file."""
        self._lines = lines

    def file_reporter(self, filename: str) -> FileReporter:
        """Return what coverage.py asks about a file of ours."""
        return _NativeFile(filename, set(self._lines[filename]))


class _NativeFile(FileReporter):
    def __init__(self, filename: str, lines: set[int]) -> None:
        super().__init__(filename)
        self._known_lines = lines

    def lines(self) -> set[int]:
        return self._known_lines

    def source(self) -> str:
        return Path(self.filename).read_text(encoding="utf-8", errors="replace")


def plugin(lines: Mapping[str, Sequence[int]]) -> Callable[[Plugins], None]:
    """Return what makes coverage.py know the plugin."""

    def register(plugins: Plugins) -> None:
        # Half of the plugin's name; coverage.py has None there for plugins that are no modules.
        plugins.current_module = "pykcov"
        plugins.add_file_tracer(NativeCode(lines))

    return register
