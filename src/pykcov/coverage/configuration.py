"""The project's configuration of coverage.py, as coverage.py reads it, and the options of a command line, which win.

coverage.py is imported only where something configures it: that takes as long as half a short run.
"""

import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from pykcov.coverage.options import NOT_FOLLOWED

if TYPE_CHECKING:
    from coverage import Coverage
    from coverage.plugin_support import Plugins

DATA_FILE = ".coverage"


class ConfigurationError(Exception):
    """A configuration that cannot be read or followed; says which file or option, and why."""


class Given(NamedTuple):
    """What a command line says; None where it says nothing."""

    config_file: str | None = None
    """'' stands for none at all."""
    source: Sequence[str] | None = None
    omit: Sequence[str] | None = None
    branch: bool | None = None
    data_file: str | None = None

    def arguments(self) -> dict[str, Any]:
        """Return them as Coverage takes them."""
        found: dict[str, Any] = {"config_file": True if self.config_file is None else self.config_file or False}
        if self.data_file is not None:
            found["data_file"] = self.data_file
        for name, value in (("source", self.source), ("omit", self.omit), ("branch", self.branch)):
            if value is not None:
                found[name] = value if isinstance(value, bool) else list(value)
        return found


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Configuration:
    """What is to be traced and reported, and how."""

    given: Given
    file: str | None = None
    """The file that configures coverage.py, None if none does."""
    folders: list[str] = field(default_factory=list)
    """What of `source` are folders, as they were named."""
    packages: list[str] = field(default_factory=list)
    """What of it are modules and packages."""
    include_files: list[str] = field(default_factory=list)
    """Regular expressions for absolute names of files, of `include`: where there is no source they choose."""
    omit_files: list[str] = field(default_factory=list)
    """The same of `omit`: what they match is left out."""
    stdlib: bool = False
    branch: bool = False
    data_file: str = DATA_FILE
    """Absolute."""
    parallel: bool = False
    processes: bool = False
    """Whether those of multiprocessing are to be traced."""
    relative_files: bool = False
    namespace_packages: bool = False
    fail_under: float = 0.0
    precision: int = 0
    remarks: list[str] = field(default_factory=list)
    """What of it is not followed, or contradicts itself, in words."""

    @property
    def has_source(self) -> bool:
        """Whether folders or packages are named."""
        return bool(self.folders or self.packages)

    def coverage(self, data_file: str | None, plugin: "Callable[[Plugins], None] | None" = None) -> "Coverage":
        """Return a Coverage that reports `data_file`, None for data in memory, as configured.

        `plugin` comes in the place of those that are configured. Raises what coverage.py raises.
        """
        # Not before: see above.
        from coverage import Coverage

        arguments = self.given.arguments() | {"data_file": data_file}
        return Coverage(**arguments, plugins=None if plugin is None else [plugin])


UNCONFIGURED = Configuration(given=Given(config_file=""))
"""What coverage.py does by itself."""


def read(given: Given, tracing: bool = True) -> Configuration:
    """Read the configuration of the project in the current folder. Raises ConfigurationError.

    tracing: whether it is for a run; remarks then also say what of it is not followed there.
    """
    configured = is_configured() if given.config_file is None else given.config_file != ""
    if not configured and not given.omit:
        data_file = given.data_file or os.environ.get("COVERAGE_FILE") or DATA_FILE
        folders, packages = _split(given.source or (), ())
        return Configuration(
            given=given,
            folders=folders,
            packages=packages,
            branch=bool(given.branch),
            data_file=os.path.abspath(data_file),
        )
    # Not before: see above. So everywhere in this file.
    from coverage import Coverage
    from coverage.exceptions import CoverageException, CoverageWarning

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", CoverageWarning)
        try:
            coverage = Coverage(**given.arguments())
            remarks = [*_unheeded(coverage), *_file_tracers(coverage)] if tracing else []
            found = _followed(given, coverage, remarks)
            return replace(found, remarks=[*(found.remarks if tracing else ()), *_texts(warned)])
        except CoverageException as error:
            raise ConfigurationError(" ".join(str(error).split())) from error
        except ConfigurationError:
            raise
        except Exception as error:  # a value of a wrong type, or a plugin that fails
            raise ConfigurationError(
                f"the configuration of coverage.py cannot be followed: {type(error).__name__}: {error}"
            ) from error


def is_configured() -> bool:
    """Return whether anything in the current folder may configure coverage.py, as far as a look at the bytes tells."""
    if os.environ.get("COVERAGE_RCFILE") or os.path.exists(".coveragerc") or os.path.exists(".coveragerc.toml"):
        return True
    if any(b"[coverage:" in _content(name) for name in ("setup.cfg", "tox.ini")):
        return True
    lines = [line for line in _content("pyproject.toml").splitlines() if b"coverage" in line]
    return any(b"tool" in line or line.strip(b" \t\"'").startswith(b"coverage") for line in lines)


def _followed(given: Given, coverage: "Coverage", remarks: list[str]) -> Configuration:
    option: Callable[[str], Any] = coverage.get_option
    folders, packages = _split(option("run:source") or (), option("run:source_dirs") or ())
    packages += option("run:source_pkgs") or []
    include = list(option("run:include") or ())
    if include and (folders or packages):
        remarks.append("[run] include is ignored, as source is set: include-ignored")
    return Configuration(
        given=given,
        file=coverage.config.config_file,
        folders=folders,
        packages=packages,
        include_files=_expressions(include),
        omit_files=_expressions(option("run:omit") or ()),
        stdlib=bool(option("run:cover_pylib")),
        branch=bool(option("run:branch")),
        data_file=os.path.abspath(str(option("run:data_file"))),
        parallel=bool(option("run:parallel")),
        processes="multiprocessing" in (option("run:concurrency") or ()),
        relative_files=bool(option("run:relative_files")),
        namespace_packages=bool(option("report:include_namespace_packages")),
        fail_under=_bound(option("report:fail_under")),
        precision=_digits(option("report:precision")),
        remarks=list(dict.fromkeys(remarks)),
    )


def _split(source: Iterable[str], folders: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return which of `source` are folders, with `folders`, which have to be some, and which modules and packages."""
    found, packages = [], []
    for name in source:
        if os.path.isdir(name):
            found.append(name)
        elif name:
            packages.append(name)
    for name in folders:
        if not os.path.isdir(name):
            raise ConfigurationError(f"[run] source_dirs: {name!r} is no folder")
        found.append(name)
    for name in found:
        if os.path.realpath(name) == "/":
            raise ConfigurationError(f"source {name!r}: the root of all files cannot be the source")
    return found, packages


def _expressions(patterns: Iterable[str]) -> list[str]:
    # Not before: see above.
    from coverage.files import globs_to_regex, prep_patterns

    prepared = prep_patterns(patterns)
    return [globs_to_regex(prepared).pattern] if prepared else []


def _unheeded(coverage: "Coverage") -> list[str]:
    """Say which options are set that have no meaning here."""
    # Not before: see above.
    from coverage import Coverage as Default

    default = Default(config_file=False)
    found = []
    for name, reason in NOT_FOLLOWED.items():
        section, _, option = name.partition(":")
        try:
            value = coverage.get_option(name)
            is_set = value != default.get_option(name)
        except Exception:  # an older coverage.py does not know it
            continue
        if is_set:
            shown = ", ".join(map(str, value)) if isinstance(value, list) else value
            found.append(f"[{section}] {option} = {shown} is not followed: {reason}")
    return found


def _file_tracers(coverage: "Coverage") -> list[str]:
    """Let plugins configure, and say which would trace files that are no Python."""
    if not coverage.get_option("run:plugins"):
        return []
    # Has plugins loaded and asked.
    tracers = dict(coverage.sys_info())["plugins.file_tracers"]
    names = [str(name) for name in tracers] if isinstance(tracers, list) else []
    return [
        f"plugin {name}: it traces files that are no Python (a file tracer), which pykcov does not: they are missing"
        for name in names
    ]


def _texts(warned: Iterable[warnings.WarningMessage]) -> list[str]:
    return [str(one.message) for one in warned]


def _bound(value: object) -> float:
    number = float(value)  # type: ignore[arg-type]
    if not 0 <= number <= 100:
        raise ConfigurationError(f"[report] fail_under = {value}: expected a number from 0 to 100")
    return number


def _digits(value: object) -> int:
    number = int(value)  # type: ignore[call-overload]
    if number < 0:
        raise ConfigurationError(f"[report] precision = {value}: expected a number of digits, 0 or more")
    return int(number)


def _content(name: str) -> bytes:
    try:
        with open(name, "rb") as file:
            return file.read()
    except OSError:
        return b""
