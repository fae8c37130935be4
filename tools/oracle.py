"""A slow tracer on sys.settrace: the truth that the lines of pykcov are compared with.

    tools/oracle.py [--include GLOB]... [--source DIR]... [-o OUT.json] (SCRIPT | -m MODULE) [ARGS...]

Runs the program as `python SCRIPT` or `python -m MODULE` would, ends with its exit status, and writes
`{"lines": {file: [line, ...]}}`: the lines that ran of each selected file. `--include` selects modules and packages by
name ('*' and '?' as in a shell; 'json' and 'json.*' are the same), `--source` files under a folder; else: all.

It shares no code with pykcov, and imports nothing but what Python has at its start before the program has ended:
the lines of a module's body can only be seen if it was not imported yet.

A line ran if the interpreter sent a 'line' event for it, on any thread. What follows from that:

- the line of a `def` or `class` statement runs when the statement does, not when the function is called: a call sends
  'call', which is not looked at, and RESUME (on the line of the `def`, on line 0 in a module) sends no 'line';
- a decorator's line runs when the decorator expression is evaluated;
- of a statement on several lines each line with instructions of its own runs by itself;
- the line of a `with` or `async with` runs again when the block is left;
- lines without instructions (`global`, `else:`, the docstring of a function, closing brackets) never run.

It watches until the interpreter takes modules apart. Not seen: what runs inside the trace function (a finaliser or a
signal handler may barge in there), other processes, and whatever follows a program's own sys.settrace on that thread.
"""

import _thread
import atexit
import gc
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import CodeType, FrameType, ModuleType
    from typing import Any


class Oracle:
    """Collects the executed lines of the selected files; `trace` is the function for sys.settrace."""

    def __init__(self, include: "Sequence[str]" = (), source: "Sequence[str]" = ()) -> None:
        """`include`: patterns of module names; `source`: folders. Neither: every file."""
        self.include = include
        self.source = [os.path.join(os.path.abspath(folder), "") for folder in source]
        self.lines: dict[str, set[int]] = {}
        self._local_functions: dict[tuple[str, tuple[str, ...]], Callable[..., Any] | None] = {}

    def trace(self, frame: "FrameType", event: str, argument: object) -> "Callable[..., Any] | None":
        """Called for each new frame: answers the function that sees the frame's lines, or None."""
        key = frame.f_code.co_filename, module_names(frame.f_globals)
        if key not in self._local_functions:
            self._local_functions[key] = self._local_function(*key)
        return self._local_functions[key]

    def _local_function(self, filename: str, modules: "tuple[str, ...]") -> "Callable[..., Any] | None":
        # Of modules that are frozen into Python the name is all there is.
        file = filename if filename.startswith("<") else os.path.abspath(filename)
        if file == __file__ or not self._selects(file, modules):
            return None
        lines = self.lines.setdefault(file, set())

        def trace_lines(frame: "FrameType", event: str, argument: object) -> "Callable[..., Any]":
            if event == "line" and frame.f_lineno:
                lines.add(frame.f_lineno)
            return trace_lines

        return trace_lines

    def _selects(self, file: str, modules: "tuple[str, ...]") -> bool:
        if file.startswith("<") and not file.startswith("<frozen "):
            return False
        if not self.include and not self.source:
            return True
        if any(file.startswith(folder) for folder in self.source):
            return True
        return any(selects(pattern, module) for pattern in self.include for module in modules)

    def start(self) -> None:
        """Trace this thread and all threads started from now on, with `threading` or without."""
        for name in ("start_new_thread", "start_joinable_thread"):
            if hasattr(_thread, name):
                setattr(_thread, name, self._starter(getattr(_thread, name)))
        sys.settrace(self.trace)

    def _starter(self, start_thread: "Callable[..., Any]") -> "Callable[..., Any]":
        def start_traced_thread(function: "Callable[..., Any]", *args: object, **kwargs: object) -> object:
            def run(*args: object, **kwargs: object) -> None:
                sys.settrace(self.trace)
                function(*args, **kwargs)

            return start_thread(run, *args, **kwargs)

        return start_traced_thread


def module_names(namespace: "dict[str, Any]") -> "tuple[str, ...]":
    """What a module is called: as it was found, also as the main program, and as it calls itself.

    They differ where a module in the library stands in for another: _pydecimal calls itself decimal.
    """
    spec = namespace.get("__spec__")
    names = () if spec is None else (spec.name,)
    name = namespace.get("__name__")
    return (*names, name) if isinstance(name, str) and name != "__main__" else names


def selects(pattern: str, module: str) -> bool:
    """Whether a pattern selects a module: by its own name or that of a package it is in."""
    return matches(pattern.removesuffix(".*"), module) or (
        "." in module and selects(pattern, module.rpartition(".")[0])
    )


def matches(pattern: str, name: str) -> bool:
    """As fnmatch.fnmatchcase, for '*' and '?'; fnmatch itself would bring `re` along."""
    if not pattern:
        return not name
    if pattern[0] == "*":
        return matches(pattern[1:], name) or (name != "" and matches(pattern, name[1:]))
    return name != "" and pattern[0] in ("?", name[0]) and matches(pattern[1:], name[1:])


def load(program: str, is_module: bool) -> "tuple[CodeType, ModuleType]":
    """The program's code and a `__main__` for it to run in. Imports the package of a module, as `python -m` does."""
    main = type(sys)("__main__")
    main.__dict__["__builtins__"] = __builtins__
    if is_module:
        import importlib.util

        spec = importlib.util.find_spec(program)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(program + ".__main__")
        if spec is None or spec.loader is None:
            raise ImportError(f"no module named {program}")
        main.__spec__, main.__loader__, main.__package__ = spec, spec.loader, spec.parent
        main.__file__ = spec.origin
        return spec.loader.get_code(spec.name), main  # type: ignore[attr-defined]
    main.__file__ = program = os.path.abspath(program)
    with open(program, "rb") as file:
        return compile(file.read(), program, "exec", dont_inherit=True), main


def run(oracle: Oracle, program: str, is_module: bool, arguments: "list[str]") -> int:
    """Run the main module of a program under the oracle; answers its exit status."""
    sys.path[0] = os.getcwd() if is_module else os.path.dirname(os.path.abspath(program))
    sys.argv[:] = ["-m" if is_module else program, *arguments]
    try:
        oracle.start()
        code, main = load(program, is_module)
        if is_module:
            sys.argv[0] = main.__file__ or program
        sys.modules["__main__"] = main
        exec(code, main.__dict__)
    except SystemExit as exit_request:
        return exit_status(exit_request.code)
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__ and error.__traceback__.tb_next)
        return 1
    return 0


def exit_status(code: object) -> int:
    """The exit status that stands for the argument of a SystemExit."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


USAGE = "usage: oracle.py [--include GLOB]... [--source DIR]... [-o OUT.json] (SCRIPT | -m MODULE) [ARGS...]"


def main(arguments: "list[str]") -> int:
    """The command line; read by hand, since argparse would bring `re` and a dozen other modules along."""
    given: dict[str, list[str]] = {"--include": [], "--source": [], "-o": []}
    while arguments and arguments[0] in given and len(arguments) > 1:
        given[arguments.pop(0)].append(arguments.pop(0))
    is_module = bool(arguments) and arguments[0] == "-m"
    if is_module:
        del arguments[0]
    if not arguments or arguments[0].startswith("-"):
        print(USAGE, file=sys.stderr)
        return 2
    oracle = Oracle(given["--include"], given["--source"])
    output = [os.path.abspath(path) for path in given["-o"]]  # the program may go to another folder
    # Called last: after all threads have ended, and after what the program registers.
    atexit.register(finish, oracle, output[-1] if output else None)
    return run(oracle, arguments[0], is_module, arguments[1:])


def finish(oracle: Oracle, output: "str | None") -> None:
    """Let go of the program's objects, as the interpreter does next, while finalisers can still be seen; then write."""
    main = vars(sys.modules["__main__"])
    if main is not globals():  # else there was no program
        main.clear()
    gc.collect()
    sys.settrace(None)
    write(oracle, output)


def write(oracle: Oracle, output: "str | None") -> None:
    """Write what ran as JSON, to a file or standard output."""
    import json

    result = json.dumps({"lines": {file: sorted(lines) for file, lines in sorted(oracle.lines.items())}}, indent=1)
    if output is None:
        print(result)
        return
    with open(output, "w", encoding="utf-8") as file:
        file.write(result + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
