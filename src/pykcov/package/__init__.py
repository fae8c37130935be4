"""Fuzz targets as files: what PyInstaller needs to know of pykcov, and `pykcov package`."""
