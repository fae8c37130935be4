"""What it takes to exchange code for the same without probes."""

from types import CodeType, FunctionType

def set_code(function: FunctionType, code: CodeType, /) -> None:
    """Set `__code__` to code that does the same."""

def set_constant(code: CodeType, index: int, nested: CodeType, /) -> None:
    """Put other code in the place of code among the constants (ValueError: there is none).

    Keep the one that was there: others may be about to use it.
    """
