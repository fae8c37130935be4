"""What git tells of a working tree and its past."""

import os
import subprocess
from collections.abc import Sequence


class RevisionError(Exception):
    """There is no git, no repository, or no such revision."""


class Repository:
    """The repository that a folder is in."""

    def __init__(self, folder: str) -> None:
        """Find it. Raises RevisionError."""
        self.root = folder
        self.root = os.fsdecode(self._git("rev-parse", "--show-toplevel")).removesuffix("\n")

    def changed_files(self, revision: str) -> list[str]:
        """Return the files that are not as in a revision, absolute: changed, deleted, new and not ignored."""
        if revision.startswith("-"):
            raise RevisionError(f"{revision!r} is no revision")
        commit = self._git(
            *("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"), complaint=f"{revision!r} is no revision"
        )
        changed = self._git("diff", "--name-only", "--no-renames", "-z", os.fsdecode(commit).strip(), "--")
        new = self._git("ls-files", "--others", "--exclude-standard", "-z")
        names = dict.fromkeys([*changed.split(b"\0"), *new.split(b"\0")])
        return [os.path.join(self.root, os.fsdecode(name)) for name in names if name]

    def files(self) -> list[str]:
        """Return all files, absolute: those that git knows, and new ones that are not ignored."""
        names = self._git("ls-files", "--cached", "--others", "--exclude-standard", "-z").split(b"\0")
        return [os.path.join(self.root, os.fsdecode(name)) for name in dict.fromkeys(names) if name]

    def text(self, revision: str, file: str) -> str | None:
        """Return what a file was in a revision; None if it was not there."""
        name = os.path.relpath(file, self.root)
        try:
            return self._git("show", f"{revision}:{name}").decode("utf-8", "surrogateescape")
        except RevisionError:
            return None

    def _git(self, *arguments: str, complaint: str = "") -> bytes:
        command: Sequence[str] = ["git", "-C", self.root, *arguments]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
        except OSError as error:
            raise RevisionError(f"git cannot be run: {error.strerror}") from error
        if done.returncode:
            words = complaint or " ".join(done.stderr.decode(errors="replace").split()) or "git failed"
            raise RevisionError(words)
        return done.stdout
