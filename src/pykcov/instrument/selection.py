"""Which modules are to be instrumented."""

import os
import sys
from _frozen_importlib import ModuleSpec
from collections.abc import Callable, Iterable
from errno import ENOENT
from types import ModuleType

_FOLDERS_OF_INSTALLED_PACKAGES = ("site-packages", "dist-packages")
_OUR_NAMES = ("pykcov", "pytest_pykcov")


class Selection:
    """A choice of modules, by name and by place. Never pykcov itself.

    `include` and `exclude` are patterns for module names, as in fnmatch; a package stands for everything in it, and
    'json.*' is the same as 'json'. `exclude` wins.

    The place counts where `include` is empty or `source` is given. Chosen are files below the folders in `source`; if
    there are none, "the program's own code": files below the current folder and the folder of the main script,
    but not the standard library, installed packages and virtual environments. `stdlib=True` adds the standard library.
    With `own=False` all places are right.

    What coverage.py knows besides: `packages` are names of modules and packages that are chosen like the folders in
    `source`, wherever they are. `include_files` and `omit_files` are regular expressions for absolute names of files,
    as coverage.py makes them of its patterns: the former choose where nothing else does, the latter leave out of what
    is chosen. With `elsewhere=True` all places are right that are neither installed nor the standard library.
    """

    def __init__(
        self,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        source: Iterable[str | os.PathLike[str]] = (),
        stdlib: bool = False,
        own: bool = True,
        *,
        packages: Iterable[str] = (),
        include_files: Iterable[str] = (),
        omit_files: Iterable[str] = (),
        elsewhere: bool = False,
    ) -> None:
        """Raise TypeError for a lone string where several are expected, FileNotFoundError for a folder of `source`."""
        self._include = _Patterns(_several("include", include))
        self._exclude = _Patterns(_several("exclude", exclude))
        sources = _several("source", source)
        for folder in sources:
            if not os.path.exists(folder):
                raise FileNotFoundError(ENOENT, "source folder does not exist", folder)
        self._stdlib = stdlib
        self._packages = _Patterns(_several("packages", packages))
        named = bool(sources or self._packages.patterns)
        self._file_patterns = _several("include_files", include_files), _several("omit_files", omit_files)
        self._include_files = None if named else _files_matcher(self._file_patterns[0])
        self._omit_files = _files_matcher(self._file_patterns[1])
        self._anywhere = not named and (bool(self._include.patterns) or not own)
        self._places = _Places(sources, named, elsewhere and not named)
        self._unmatched = {*self._include.patterns, *self._packages.patterns}
        self._answers: dict[tuple[str, str], bool] = {}

    def matches(self, module: str, file: str) -> bool:
        """Return whether the code of a module from a file (`co_filename`) is chosen."""
        key = (module, file)
        answer = self._answers.get(key)
        if answer is None:
            patterns = self._patterns_of(module)
            named = self._packages.matching(_names_of(module, file)) if self._packages.patterns else []
            answer = patterns is not None and (self._anywhere or bool(named) or self._is_right_place(module, file))
            if answer and self._omit_files is not None:
                answer = not self._omit_files(os.path.realpath(file))
            if answer:
                self._unmatched.difference_update(patterns or (), named)
            self._answers[key] = answer
        return answer

    def matches_name(self, module: str) -> bool:
        """Return whether the name alone does not rule the module out."""
        return self._patterns_of(module) is not None

    def arguments(self) -> dict[str, list[str] | bool]:
        """Return the arguments that choose the same in another process, wherever that works."""
        folders_choose = not (self._anywhere or self._include_files or self._places.elsewhere)
        return {
            "include": [*self._include.patterns],
            "exclude": [*self._exclude.patterns],
            "source": [os.path.abspath(folder) for folder in self._places.folders] if folders_choose else [],
            "stdlib": self._stdlib,
            "packages": [*self._packages.patterns],
            "include_files": self._file_patterns[0],
            "omit_files": self._file_patterns[1],
            "elsewhere": self._places.elsewhere,
        }

    def own_folders(self) -> list[str]:
        """Return the folders of the program's own code if that is what is chosen, for want of anything else."""
        named = self._anywhere or self._packages.patterns or self._include_files is not None or self._places.elsewhere
        return [] if named else [os.path.abspath(folder) for folder in self._places.folders]

    @property
    def has_names(self) -> bool:
        """Whether `include` or `packages` was given."""
        return bool(self._include.patterns or self._packages.patterns)

    @property
    def names_main(self) -> bool:
        """Whether `include` names `__main__`."""
        return "__main__" in self._include.patterns

    def unmatched(self) -> list[str]:
        """Return the patterns of `include` and `packages` that have matched no module yet, in the order given."""
        patterns = [*self._include.patterns, *self._packages.patterns]
        return [pattern for pattern in patterns if pattern in self._unmatched]

    def __str__(self) -> str:
        """Return what is chosen, in words."""
        words = []
        if self._include.patterns:
            words.append("modules " + ", ".join(self._include.patterns))
        if self._packages.patterns:
            words.append("modules " + ", ".join(self._packages.patterns))
        if self._include_files is not None:
            words.append("files that `include` names")
        elif self._places.elsewhere:
            words.append("all that is not installed")
        elif not self._anywhere and (self._places.folders or not words):
            words.append("files below " + (", ".join(self._places.folders) or "no folder"))
        if self._stdlib and not self._anywhere:
            words.append("the standard library")
        return " and ".join(words) or "all modules"

    def _patterns_of(self, module: str) -> list[str] | None:
        """Return the patterns of `include` that match, None if the name is ruled out."""
        names = _names_of(module, "")
        if names[-1] in _OUR_NAMES or self._exclude.matching(names):
            return None
        patterns = self._include.matching(names)
        return None if self._include.patterns and not patterns else patterns

    def _is_right_place(self, module: str, file: str) -> bool:
        if self._include_files is not None:
            return bool(file) and file[0] != "<" and bool(self._include_files(os.path.realpath(file)))
        place = self._places.of(module, file)
        return place == "own" or (self._stdlib and place == "stdlib")


class _Patterns:
    """Patterns for names of modules. Most are mere names, and those are looked up: this is asked of each import."""

    def __init__(self, patterns: list[str]) -> None:
        self.patterns = dict.fromkeys(patterns)
        self._names: dict[str, list[str]] = {}
        self._matchers: list[tuple[str, Callable[[str], object]]] = []
        for pattern in self.patterns:
            name = pattern.removesuffix(".*")
            if any(character in name for character in "*?["):
                self._matchers.append((pattern, _matcher(name)))
            else:
                self._names.setdefault(name, []).append(pattern)

    def matching(self, names: list[str]) -> list[str]:
        """Return the patterns that match one of the names."""
        found = [pattern for name in names if name in self._names for pattern in self._names[name]]
        if self._matchers:
            found += [pattern for pattern, matches in self._matchers if any(map(matches, names))]
        return found


class _Places:
    """Tells the place of a file: 'own', 'installed', 'stdlib' or '' (elsewhere, or no file at all)."""

    def __init__(self, sources: list[str], named: bool, elsewhere: bool) -> None:
        """`named`: `sources`, or packages, are all there is. `elsewhere`: what lies nowhere else is own."""
        self.elsewhere = elsewhere
        installed = dict.fromkeys(_spellings(_environments()), "installed")
        self._roots = {**installed, **dict.fromkeys(_spellings([os.path.dirname(os.__file__)]), "stdlib")}
        # Who names a folder of installed packages as source wants it; who merely works in one does not.
        self.folders = sources
        if not named:
            self.folders = [folder for folder in _own_folders() if self.of("", folder) in ("", "own")]
        self._roots.update(dict.fromkeys(_spellings(self.folders), "own"))
        self._main_without_file_is_own = not named and _main_folder() is None

    def of(self, module: str, file: str) -> str:
        if not file:  # which would be the current folder
            return ""
        if file.startswith("<"):
            if file.startswith("<frozen ") and module.partition(".")[0] in sys.stdlib_module_names:
                return "stdlib"
            # `python -c`, the prompt, a program on standard input
            return "own" if module == "__main__" and self._main_without_file_is_own else ""
        # The second spelling takes a system call for each folder on the way.
        absolute = os.path.abspath(file)
        place = self._of_path(absolute) or self._of_path(os.path.realpath(absolute))
        return place or ("own" if self.elsewhere else "")

    def _of_path(self, path: str) -> str:
        # The innermost folder decides.
        while path != "/":
            if path in self._roots:
                return self._roots[path]
            path, _, name = path.rpartition("/")
            if name in _FOLDERS_OF_INSTALLED_PACKAGES:
                return "installed"
            path = path or "/"
        return self._roots.get("/", "")


def module_name(namespace: dict[str, object]) -> str:
    """Return the name of the module that has this namespace, '' if there is none.

    What runs as `__main__` by `python -m` goes by its real name, so that its pcs are those of the imported module.
    """
    name = dict.get(namespace, "__name__")
    if type(name) is not str:
        return ""
    if name == "__main__":
        specification = dict.get(namespace, "__spec__")
        if type(specification) is ModuleSpec:
            return specification.name
    return name


def namespace_of(module: ModuleType) -> dict[str, object]:
    """Return the dictionary of a module without waking a lazy one, and without a `__getattr__` of the program."""
    namespace: dict[str, object] = ModuleType.__getattribute__(module, "__dict__")
    return namespace


def _names_of(module: str, file: str) -> list[str]:
    """Return the names of a module and of the packages that it is in. A script goes by the name of its file."""
    names = [module]
    if module == "__main__" and file.endswith(".py"):
        names.append(os.path.basename(file).removesuffix(".py"))
    while "." in names[-1]:
        names.append(names[-1].rpartition(".")[0])
    return names


def _files_matcher(expressions: list[str]) -> Callable[[str], object] | None:
    if not expressions:
        return None
    # Imported only where needed: what pykcov imports, a traced program finds imported already.
    import re

    return re.compile("|".join(f"(?:{one})" for one in expressions)).match


def _matcher(pattern: str) -> Callable[[str], object]:
    # Imported only where needed: what pykcov imports, a traced program finds imported already.
    import fnmatch
    import re

    return re.compile(fnmatch.translate(pattern)).match


def _several(name: str, values: Iterable[object]) -> list[str]:
    if isinstance(values, (str, bytes, os.PathLike)):
        raise TypeError(f"{name}={values!r}: expected several, as in {name}=[{values!r}]")
    result = []
    for value in values:
        if isinstance(value, os.PathLike) and name == "source":
            value = os.fspath(value)
        if not isinstance(value, str):
            raise TypeError(f"{name} holds {value!r}, which is not a string")
        result.append(value)
    return result


def _spellings(paths: Iterable[str]) -> list[str]:
    """Return each path absolute, as it is written and with links followed."""
    return [spelling for path in paths for spelling in dict.fromkeys((os.path.abspath(path), os.path.realpath(path)))]


def _own_folders() -> list[str]:
    main = _main_folder()
    return [os.getcwd()] if main is None else list(dict.fromkeys([os.getcwd(), main]))


def _environments() -> list[str]:
    """Return the virtual environment that this Python runs in, if it does."""
    return [sys.prefix] if sys.prefix != sys.base_prefix else []


def _main_folder() -> str | None:
    """Return the folder of the main script, or of the top-level package that it belongs to; None without a file."""
    main = sys.modules.get("__main__")
    if main is None or not issubclass(type(main), ModuleType):
        return None
    namespace = namespace_of(main)
    file, package = namespace.get("__file__"), namespace.get("__package__")
    if not isinstance(file, str):
        return None
    folder = os.path.dirname(os.path.abspath(file))
    for _ in range(package.count(".") if isinstance(package, str) else 0):
        folder = os.path.dirname(folder)
    return folder
