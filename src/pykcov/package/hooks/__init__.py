"""Hooks for PyInstaller, which finds this folder by the entry point group `pyinstaller40`."""

import os


def folders() -> list[str]:
    """Return where the hooks are."""
    return [os.path.dirname(__file__)]
