"""A backend for Hypothesis that draws what the code under test compares: `settings(backend="pykcov")`.

`provider` is what Hypothesis knows: it draws choices. Above it is nothing; below it, `guidance` decides what is tried
next, `proposals` says what a choice could become so that a comparison comes out the other way, `climbing` does so for
numbers that several choices make up together, `mutations` changes what reached new code, `example` is what was drawn,
`recording` what it ran and compared, and `chosen` which code has probes. docs/hypothesis.md is for users.
"""

from pykcov.contrib.hypothesis.chosen import choose

__all__ = ["choose"]
