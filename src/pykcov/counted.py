"""Numbers of things, in words."""


def counted(number: int, one: str, more: str = "", digits: str = "d") -> str:
    """Return '1 thread' or '2 threads'; `more` is the plural, by default `one` with an s.

    digits: how the number is written, as in format(); ',' groups them.
    """
    return f"{number:{digits}} {one if number == 1 else more or one + 's'}"
