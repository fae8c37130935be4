"""What is compared: one class for each tool, one configuration for each column of the table."""

from configurations.atheris import ATHERIS
from configurations.base import Configuration, Unavailable
from configurations.coveragepy import COVERAGEPY
from configurations.pykcov import PYKCOV
from configurations.settrace import SETTRACE
from configurations.slipcover import SLIPCOVER

BARE = Configuration("bare", "the program as it is")
# The same again, in a process of its own: how far two columns differ that should not.
CONTROL = Configuration("control", "bare once more: shows the noise")

ALL = {one.name: one for one in [BARE, CONTROL, *PYKCOV, *ATHERIS, *COVERAGEPY, *SLIPCOVER, *SETTRACE]}

__all__ = ["ALL", "BARE", "CONTROL", "Configuration", "Unavailable"]
