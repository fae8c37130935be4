"""What is traced: probes in the chosen code, and whoever takes work carries its group along."""

import os
import sys
from types import ModuleType

import pytest

from pykcov._exec import Unrecorded
from pykcov.coverage.configuration import Configuration
from pykcov.coverage.unexecuted import files_nobody_imported
from pykcov.instrument.imports import ImportHook, skipped
from pykcov.instrument.rewrite import Granularity
from pykcov.instrument.selection import Selection, namespace_of
from pykcov.instrument.skips import Skipped
from pykcov.instrument.versions import UnsupportedPythonError
from pykcov.remote import carriers, lending
from pykcov.traces.locations import files


class Tracing:
    """Puts probes into the chosen code, as it is imported and what is there already, from its making until stop()."""

    def __init__(self, configuration: Configuration, granularity: Granularity, *, follows: bool) -> None:
        """Begin. follows: whether groups are carried along. Raises pytest.UsageError."""
        self.granularity = granularity
        self.folders = configuration.folders
        self.names = configuration.packages
        self.origin = "[run] source: " if configuration.given.source is None else "--pykcov-source="
        """Who has named them, in words."""
        self._below = {name: os.path.join(os.path.realpath(name), "") for name in self.folders}
        for name in configuration.given.source or ():
            if name in self.names and not all(part.isidentifier() or "*" in part for part in name.split(".")):
                raise pytest.UsageError(f"--pykcov-source={name}: there is neither such a folder nor such a module")
        self._configuration = configuration
        self._skipped_before = set(skipped())
        self._is_at_work = True
        selection = Selection(
            source=self.folders,
            packages=self.names,
            include_files=configuration.include_files,
            omit_files=configuration.omit_files,
            stdlib=configuration.stdlib,
            elsewhere=True,
        )
        try:
            with Unrecorded():
                self._hook = ImportHook(selection, granularity)
                self._hook.instrument_imported()
        except UnsupportedPythonError as error:
            raise pytest.UsageError(f"--pykcov: {error}") from error
        self.chosen = lending.Chosen.by(selection, granularity, compare=False)
        """The same for other processes."""
        self._follows = follows
        if follows:
            carriers.install()

    def stop(self) -> None:
        """Instrument no further modules. Twice is once."""
        if self._is_at_work:
            self._is_at_work = False
            if self._follows:
                carriers.remove()
            self._hook.close()

    def files(self) -> list[str]:
        """Return the files of the chosen code that has probes."""
        return [file for file, module in files().items() if self._chooses(module, file)]

    def imported_before(self) -> list[str]:
        """Return those of modules that were imported before it began: their functions have probes all the same."""
        return [file for file, module in files().items() if module in self._hook.noted and self._chooses(module, file)]

    def unexecuted(self) -> list[str]:
        """Return the files under the source, of which some, or none, was imported."""
        files = [(module, module_file(module)) for module in self.names]
        return files_nobody_imported(
            self._below.values(),
            self.names,
            {module: file for module, file in files if file},
            self._configuration.omit_files,
            self._configuration.namespace_packages,
        )

    def skipped(self) -> list[Skipped]:
        """Return what was chosen and could not be instrumented, wholly or in part."""
        return [one for one in skipped() if one not in self._skipped_before]

    def matched(self) -> list[str]:
        """Return which of `source` have matched something."""
        found = [os.path.realpath(file) for file in self.files()]
        matched = [name for name, folder in self._below.items() if any(file.startswith(folder) for file in found)]
        unmatched = set(self._hook.unmatched())
        return matched + [name for name in self.names if name not in unmatched]

    def __str__(self) -> str:
        """Return what is chosen, in words."""
        return str(self._hook.selection)

    def _chooses(self, module: str, file: str) -> bool:
        return self._hook.selection.matches(module, file)


def module_file(name: str) -> str | None:
    """Return the file of an imported module, None if it has none."""
    module = sys.modules.get(name)
    file = namespace_of(module).get("__file__") if isinstance(module, ModuleType) else None
    return file if isinstance(file, str) else None
