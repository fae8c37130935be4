"""Whose a pc is: of 64 bits the first says Python, but for the highest addresses, which are kernels'."""

PYTHON_PC = 1 << 63
"""Set in the pcs of Python code, clear in those of native code."""

KERNEL_PC = 0xFFFF_8000_0000_0000
"""Where the addresses of 64-bit kernels begin. No pc of Python code is so high."""


def is_python(pc: int) -> bool:
    """Return whether a pc is one of Python code: that of native code, or of a kernel, is an address."""
    return PYTHON_PC <= pc < KERNEL_PC
