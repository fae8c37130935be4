"""In the process that was attached to: puts probes in, gives threads devices, and takes it all back at the end."""

from _thread import allocate_lock
from collections.abc import Sequence
from types import CodeType, FunctionType

from pykcov import _core
from pykcov._exec import Unrecorded
from pykcov._vanish import set_code, set_constant
from pykcov._view import constants
from pykcov.instrument import alive
from pykcov.instrument.code import is_instrumented
from pykcov.instrument.imports import ImportHook
from pykcov.instrument.originals import original_of
from pykcov.instrument.selection import Selection
from pykcov.instrument.skips import noted
from pykcov.modes import compares, modes
from pykcov.program.channel import Sender
from pykcov.program.devices import Devices
from pykcov.traces import locations
from pykcov.traces.locations import Location

_BATCH = 1000
_serving = allocate_lock()
# Whether all probes of this process are those that were put in here.
_is_ours = False
# Code that was taken out: a thread may be about to make a function of it.
_former: list[object] = []


def serve(descriptor: int) -> None:
    """Trace as the process at the other end of the socket asks, until it says so or is gone."""
    with Unrecorded():
        sender = Sender(descriptor)
        sender.send(("attach", "here", ""))
        try:
            request = sender.receive()
        except (EOFError, OSError):
            return
        reason = _why_not()
        if reason:
            sender.send(("attach", "refused", reason))
            return
        try:
            _trace(sender, request)
        except Exception as error:
            sender.send(("attach", "refused", f"{type(error).__name__}: {error}"))
        finally:
            _serving.release()


def _why_not() -> str:
    """Return why this process cannot be traced, '' if it can: then it is taken."""
    global _is_ours
    if not _serving.acquire(False):
        return "it is attached to already"
    if _core.probe_count() and not _is_ours:
        _serving.release()
        return "it uses pykcov itself, or runs under `pykcov run`, whose probes could not be told from these"
    _is_ours = True
    return ""


def _trace(sender: Sender, request: dict[str, object]) -> None:
    selection = Selection(request["include"], request["exclude"], request["source"], bool(request["stdlib"]))  # type: ignore[arg-type]
    told = len(noted())

    def tell(batch: Sequence[Location]) -> None:
        # Those of an earlier time are in this process, too, whatever was chosen then.
        rows = [tuple(one) for one in batch if selection.matches(one.module, one.file)]
        for start in range(0, len(rows), _BATCH):
            sender.send(("locations", rows[start : start + _BATCH]))

    locations.add_listener(tell)
    devices = Devices(sender, modes[str(request["mode"])], int(str(request["nmemb"])), kernel=False)
    hook = ImportHook(selection, request["granularity"], compares(str(request["mode"])))  # type: ignore[arg-type]
    try:
        hook.instrument_imported()
        devices.begin()
        sender.send(("attach", "begun", ""))
        sender.receive()
    except (EOFError, OSError):
        pass  # whoever has attached is gone
    finally:
        devices.end()
        hook.close()
        locations.remove_listener(tell)
        restore()
        sender.send(("skipped", [tuple(one) for one in noted()[told:]]))
        sender.send(("attach", "ended", ""))


def restore() -> None:
    """Give all functions the code that they had before. What is running keeps its probes until it returns."""
    functions = alive.functions()
    for code in _instrumented(functions):
        for index, constant in enumerate(constants(code)):
            if type(constant) is CodeType and is_instrumented(constant):
                original = original_of(constant)
                if original is not None:
                    _former.append(constant)
                    set_constant(code, index, original)
    for function in functions:
        code = function.__code__
        if is_instrumented(code):
            original = original_of(code)
            if original is not None:
                set_code(function, original)


def _instrumented(functions: list[FunctionType]) -> list[CodeType]:
    """Return the code with probes of functions and of all that has begun to run, and what is nested in it."""
    return list(alive.instrumented_within(alive.in_use(functions) + alive.suspended()))
