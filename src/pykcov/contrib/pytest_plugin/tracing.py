"""What is traced: probes in the chosen code, and whoever takes work carries its group along."""

import os
from collections.abc import Sequence

import pytest

from pykcov._exec import Unrecorded
from pykcov.instrument.imports import ImportHook, skipped
from pykcov.instrument.rewrite import Granularity
from pykcov.instrument.selection import Selection
from pykcov.instrument.skips import Skipped
from pykcov.instrument.versions import UnsupportedPythonError
from pykcov.locations import files
from pykcov.remote import carriers


class Tracing:
    """Puts probes into the chosen code, as it is imported and what is there already, from its making until stop()."""

    def __init__(self, source: Sequence[str], granularity: Granularity) -> None:
        """Begin. `source` has folders and names of modules; nothing in it stands for the program's own code.

        Raises pytest.UsageError.
        """
        self.folders = [name for name in source if os.path.isdir(name)]
        self.names = names = [name for name in source if name not in self.folders]
        for name in names:
            if not all(part.isidentifier() or "*" in part for part in name.split(".")):
                raise pytest.UsageError(f"--pykcov-source={name}: there is neither such a folder nor such a module")
        self._skipped_before = set(skipped())
        selections = [Selection(source=self.folders)] if self.folders or not names else []
        selections += [Selection(include=names)] if names else []
        self._hooks: list[ImportHook] = []
        self._is_at_work = True
        try:
            with Unrecorded():
                for selection in selections:
                    self._hooks.append(ImportHook(selection, granularity))
                    self._hooks[-1].instrument_imported()
        except UnsupportedPythonError as error:
            raise pytest.UsageError(f"--pykcov: {error}") from error
        carriers.install()

    def stop(self) -> None:
        """Instrument no further modules. Twice is once."""
        if self._is_at_work:
            self._is_at_work = False
            carriers.remove()
            for hook in self._hooks:
                hook.close()

    def files(self) -> list[str]:
        """Return the files of the chosen code that has probes."""
        return [file for file, module in files().items() if self._chooses(module, file)]

    def skipped(self) -> list[Skipped]:
        """Return what was chosen and could not be instrumented, wholly or in part."""
        return [one for one in skipped() if one not in self._skipped_before]

    def matched(self) -> list[str]:
        """Return which of `source` have matched something."""
        found = [os.path.realpath(file) for file in self.files()]
        below = {folder: os.path.join(os.path.realpath(folder), "") for folder in self.folders}
        matched = [name for name, folder in below.items() if any(file.startswith(folder) for file in found)]
        unmatched = {name for hook in self._hooks for name in hook.unmatched()}
        return matched + [name for name in self.names if name not in unmatched]

    def __str__(self) -> str:
        """Return what is chosen, in words."""
        return " and ".join(str(hook.selection) for hook in self._hooks)

    def _chooses(self, module: str, file: str) -> bool:
        return any(hook.selection.matches(module, file) for hook in self._hooks)
