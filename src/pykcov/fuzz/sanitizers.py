"""Reports of sanitizers that are preloaded: AddressSanitizer, UBSan and their like, of gcc and of clang.

They write to files beside each other, one a process, as their option `log_path` asks for; so the report of a process
that has died is there, whole and by itself.
"""

import os
import re
from contextlib import suppress
from typing import NamedTuple, Self

_NAMES = ("ASAN", "UBSAN", "TSAN", "MSAN", "LSAN")
_FILE = "sanitizer"

# UBSan goes on after an error unless it is told not to, and says neither which it is nor where it came from.
_OPTIONS = {"UBSAN": "halt_on_error=1:print_stacktrace=1:report_error_type=1:"}

_KIND = re.compile(r"^SUMMARY: \w+Sanitizer: ([\w-]+)", re.MULTILINE)
_ERROR = re.compile(r"^.*(?:ERROR|WARNING): \w+Sanitizer: ([\w-]+)|^.*: runtime error: (.*)$", re.MULTILINE)
_FRAME = re.compile(
    r"^ +#\d+ 0x[0-9a-f]+ +(?:in (?P<function>.+?) )?(?P<where>\S+:\d+\S*|\([^)]+\+0x[0-9a-f]+\).*)$",
    re.MULTILINE,
)

_ITS_OWN = re.compile(r"^__(interceptor|asan|ubsan|tsan|msan|lsan|sanitizer|interception)")
_ITS_FILES = re.compile("/(libsanitizer|compiler-rt)/")
_ITS_LIBRARY = re.compile(r"lib(clang_rt\.)?(a|ub|t|m|l)san")
# Behind these it is Python that calls, as it would call anything else.
_PYTHON = re.compile(r"^(_?Py[A-Z_]|ffi_call|_ctypes|cfunction_|method_vectorcall)|libffi|libpython|/python\d")

_FRAMES = 3


class Report(NamedTuple):
    """What a sanitizer has said of the end of a process."""

    kind: str
    token: str
    text: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Read a report: the kind of the error, and the innermost functions up to Python."""
        found = _KIND.search(text)
        error = _ERROR.search(text)
        kind = found[1] if found else ""
        if kind in ("", "undefined-behavior") and error:
            words = error[1] or re.split(r"[:\d]| of type | cannot ", error[2])[0]
            kind = words.strip().replace(" ", "-")
        return cls(kind or _FILE, "--".join([kind or _FILE, *_functions(text)]), text)


def environment(folder: str) -> dict[str, str] | None:
    """Return the environment of a process whose reports go into a folder; None: as ours is, as none is preloaded."""
    if not re.search(r"(a|ub|t|m|l)san", os.environ.get("LD_PRELOAD", "")) and not any(
        f"{name}_OPTIONS" in os.environ for name in _NAMES
    ):
        return None
    options = {
        # What the user asks for counts: it comes last.
        f"{name}_OPTIONS": f"{_OPTIONS.get(name, '')}log_path={folder}/{_FILE}:{os.environ.get(f'{name}_OPTIONS', '')}"
        for name in _NAMES
    }
    return os.environ | options


def handle_crashes() -> bool:
    """Whether a sanitizer tells of signals that end the process. It is to get them first: it shows where they came."""
    return "asan" in os.environ.get("LD_PRELOAD", "")


def take(folder: str, process: int) -> Report | None:
    """Return what was reported of a process, and remove it from the folder."""
    path = os.path.join(folder, f"{_FILE}.{process}")
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return None
    with suppress(OSError):
        os.unlink(path)
    return Report.of(text) if _ERROR.search(text) else None


def folder() -> str:
    """Return where reports of the calling process go; empty: to standard error."""
    for name in _NAMES:
        found = re.search(rf"log_path=([^:]*)/{_FILE}(:|$)", os.environ.get(f"{name}_OPTIONS", ""))
        if found:
            return found[1]
    return ""


def _functions(text: str) -> list[str]:
    """Return the innermost functions of the first stack in a report, up to those of Python."""
    names: list[str] = []
    last = -1
    for frame in _FRAME.finditer(text):
        number = int(frame[0].split()[0][1:])
        if number <= last:
            break  # another stack
        last = number
        function, where = re.sub(r"\(.*", "", frame["function"] or ""), frame["where"]
        if _PYTHON.search(function) or _PYTHON.search(where):
            break
        place = _place(where)
        if not _ITS_OWN.match(function) and not _ITS_FILES.search(where) and not _ITS_LIBRARY.match(place):
            names += [function or place] if function or place else []
    return names[:_FRAMES]


def _place(where: str) -> str:
    """Return the shared object and the place in it of a frame without lines: for who has no symbolizer."""
    return os.path.basename(where[1:].partition(")")[0]) if where[0] == "(" else ""
