"""The pytest plugin: which test ran which lines, and what follows from that (docs/pytest.md).

pytest_pykcov.py, beside the package, has its options and begins it. Nothing here is imported otherwise.
"""
