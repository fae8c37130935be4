"""Whether an environment that a program is given was made from that of who starts it."""

import os
from collections.abc import Iterable


def is_inherited(names: Iterable[str | bytes]) -> bool:
    """Return whether an environment, of which these are the variables, has most of this process's.

    One that has not was made anew, and stays as it is.
    """
    own = {os.fsencode(name) for name in os.environ}
    return 2 * len(own & {os.fsencode(name) for name in names if type(name) in (str, bytes)}) >= len(own)
