"""Numbers of ioctls, made as the headers of the kernels make them."""

_LONG = 8


def linux(group: str, number: int, size: int = 0, *, write: bool = False, read: bool = False) -> int:
    """Return what _IO, _IOW and _IOR of <asm-generic/ioctl.h> make: for x86, Arm and RISC-V."""
    return (write << 30) | (read << 31) | size << 16 | ord(group) << 8 | number


def bsd(group: str, number: int, size: int = 0, *, by_value: bool = False) -> int:
    """Return what _IO, _IOW (a size), and _IOWINT (`by_value`) of <sys/ioccom.h> make."""
    direction = 0x80000000 if size and not by_value else 0x20000000
    return direction | (size & 0x1FFF) << 16 | ord(group) << 8 | number
