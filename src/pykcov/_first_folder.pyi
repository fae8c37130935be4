"""The typed face of program/_first_folder.c: where interpreters that the program makes look for modules first."""

def replace(old: str, new: str, /) -> bool:
    """Have sys.path of interpreters made from now on begin with `new` in place of `old`; return whether that was found.

    Before 3.12.1 it is not: they do not get the folder of the script at all.
    """
