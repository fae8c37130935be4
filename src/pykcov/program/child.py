"""A traced process: tells the collecting one what there is to know, gives each thread a device, runs the program."""

import _frozen_importlib_external
import _signal  # type: ignore[import-not-found]
import os
import sys
from collections.abc import Mapping, Sequence
from posix import execve
from typing import Any, NoReturn

from pykcov import _core
from pykcov.instrument.imports import ImportHook, skipped
from pykcov.instrument.selection import Selection
from pykcov.instrument.skips import noted
from pykcov.modes import compares
from pykcov.native.images import foreign_callbacks
from pykcov.program import following, main_module, uncaught
from pykcov.program.channel import Sender
from pykcov.program.devices import Recorder, recorder
from pykcov.program.forgetting import forget_our_imports
from pykcov.program.joining import HELD_BACK
from pykcov.traces import locations
from pykcov.traces.locations import Location

# What makes interpreters beside the main one, by the names that it has in the versions of Python.
_INTERPRETERS = frozenset({"_interpreters", "_xxsubinterpreters"})
# Locations in one message.
_BATCH = 1000


def main(descriptor: int, bare_modules: frozenset[str]) -> None:
    """Run the program that the parent describes; `bare_modules` are those that Python had imported before us.

    Returns or raises when the main module of the program has ended.
    """
    files = _our_files()
    sender = Sender(descriptor)
    try:
        request = sender.receive()
    except (EOFError, OSError):
        _go_on_untraced()
    sender.address = request["address"]
    if not sys.flags.safe_path:
        main_module.first_folder = sys.path.pop(0)  # that of the script we started with
    sys.orig_argv[:] = request["orig_argv"]
    try:
        devices = recorder(sender, request)
        informant = _prepare(sender, request, bare_modules, devices)

        def begin() -> None:
            following.lead(request["address"], informant.add_untraced)
            devices.begin()
            # From here on Ctrl-C is the program's.
            _signal.pthread_sigmask(_signal.SIG_SETMASK, request["signal_mask"])

        try:
            _run(request, begin)
        finally:
            informant.finish()
    except main_module.NotCompiledError:
        sender.send(("no python",))
        _signal.pthread_sigmask(_signal.SIG_SETMASK, request["signal_mask"])
        # The function itself: the one in os may lead what it starts back here, for ever.
        execve(sys.executable, request["orig_argv"], os.environ)
    except SystemExit:
        raise
    except BaseException:
        uncaught.hide_frames(files)
        raise


def _go_on_untraced() -> NoReturn:
    """Become the program without pykcov: the collecting process has ended just now."""
    at = sys.orig_argv.index(sys.modules["__main__"].__file__ or "")
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, HELD_BACK)
    execve(sys.executable, sys.orig_argv[:at] + sys.orig_argv[at + 2 :], os.environ)


def _run(request: Mapping[str, Any], begin: main_module.Begin) -> None:
    program, arguments = request["program"], request["arguments"]
    match request["kind"]:
        case "module":
            main_module.run_module(program, arguments, begin)
        case "code":
            main_module.run_code(program, arguments, begin)
        case "input":
            main_module.run_input(program, arguments, begin)
        case _:
            main_module.run_script(program, arguments, begin, request["skip_first_line"])


class _Informant:
    """Tells which locations there are, what was skipped and who forked."""

    def __init__(self, sender: Sender, devices: Recorder) -> None:
        self._sender = sender
        self._devices = devices
        self._skips_told = 0

    def share_images(self) -> None:
        """Let the parent see which shared objects there are, whatever becomes of this process."""
        try:
            descriptor = _core.share_image_log()
        except OSError as error:
            self._sender.send(("skipped", [("native code", f"what is loaded cannot be shared: {error}")]))
            return
        self._sender.send(("images",), descriptor)
        os.close(descriptor)
        other = foreign_callbacks()
        if other is not None:
            reason = f"{other} owns the callbacks: only what was built with `pykcov cflags` is recorded"
            self._sender.send(("skipped", [("native code", reason)]))

    def add_locations(self, batch: Sequence[Location]) -> None:
        for start in range(0, len(batch), _BATCH):
            rows = [tuple(location) for location in batch[start : start + _BATCH]]
            self._sender.send(("locations", rows))
        self._tell_skips()

    def add_fork(self) -> None:
        if not self._sender.address:
            self._sender.send(("forked",))

    def add_untraced(self, command: str, reason: str) -> None:
        self._sender.send(("not traced", command, reason))

    def in_forked_child(self) -> None:
        if self._sender.reconnect():
            self.share_images()
            self._devices.begin()
        else:
            locations.remove_listener(self.add_locations)

    def finish(self) -> None:
        """Tell what is known only when the program has imported what it needs."""
        skipped()
        self._tell_skips()
        if not _INTERPRETERS.isdisjoint(sys.modules):
            self._sender.send(("interpreters",))
        self._sender.send(("finished",))
        _core.image_log()  # objects that were not built for pykcov do not announce themselves

    def _tell_skips(self) -> None:
        new = noted()[self._skips_told :]
        if new:
            self._skips_told += len(new)
            self._sender.send(("skipped", [tuple(skip) for skip in new]))


def _prepare(sender: Sender, request: Mapping[str, Any], bare_modules: frozenset[str], devices: Recorder) -> _Informant:
    """Have modules instrumented and locations told from now on."""
    if request["kernel"]:
        import pykcov.kernel.beside  # noqa: F401 - now, so that what it imports is forgotten below
    informant = _Informant(sender, devices)
    informant.share_images()
    os.register_at_fork(after_in_parent=informant.add_fork, after_in_child=informant.in_forked_child)
    main = sys.modules["__main__"]
    # For the selection of the program's own code, which is looked for around the main module, if that has a file.
    main.__file__ = _main_file(request["program"], request["kind"])
    selection = Selection(
        request["include"],
        request["exclude"],
        request["source"],
        request["stdlib"],
        packages=request["packages"],
        include_files=request["include_files"],
        omit_files=request["omit_files"],
        elsewhere=request["elsewhere"],
    )
    folders = selection.own_folders()
    if folders:
        sender.send(("own", folders))
    locations.add_listener(informant.add_locations)
    hook = ImportHook(selection, request["granularity"], compares(request["mode"]))
    forget_our_imports(bare_modules)
    # It is still ours, and so is its code, which is running.
    del sys.modules["__main__"]
    main.__name__ = "pykcov.program.bootstrap"
    hook.instrument_imported()
    sys.modules["__main__"] = main
    return informant


def _main_file(program: str, kind: str) -> str | None:
    """Return a file beside which the program's own code lies; nothing is imported to find it."""
    if kind in ("code", "input"):
        return None
    if kind == "path":
        return os.path.join(program, "__main__.py") if os.path.isdir(program) else program
    top = program.partition(".")[0]
    specification = _frozen_importlib_external.PathFinder.find_spec(top, [os.getcwd(), *sys.path])
    folders = specification.submodule_search_locations if specification is not None else None
    if folders:
        return os.path.join(next(iter(folders)), "__init__.py")
    if specification is not None and specification.origin is not None:
        return specification.origin
    return os.path.join(os.getcwd(), top)  # frozen, built in, or not there


def _our_files() -> frozenset[str]:
    return frozenset({__file__, main_module.__file__, sys.modules["__main__"].__file__ or ""})
