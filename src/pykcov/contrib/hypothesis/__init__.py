"""A backend for Hypothesis that draws what the code under test compares: `settings(backend="pykcov")`.

`provider` is what Hypothesis knows: it draws choices. Above it is nothing; below it, `guidance` decides what is tried
next, `proposals` says what a choice could become so that a comparison comes out the other way, `climbing` does so for
numbers that several choices make up together, `mutations` changes what reached new code, `example` is what was drawn,
`recording` what it ran and compared, and `chosen` which code has probes. docs/hypothesis.md is for users.
"""

from hypothesis.version import __version__, __version_info__

_OLDEST = (6, 137, 0)
"""The first one that says whether observations are wanted (observing.py). 6.135.0 was the first to tell a backend which
test an example is of."""

if __version_info__ < _OLDEST:
    # Before the imports below, which would fail in words that do not help.
    oldest = ".".join(map(str, _OLDEST))
    raise ImportError(
        f"the backend pykcov needs Hypothesis {oldest} or later, and this is {__version__}: pip install -U hypothesis"
    )

from pykcov.contrib.hypothesis.chosen import choose  # noqa: E402

__all__ = ["choose"]
