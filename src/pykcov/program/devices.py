"""Gives each thread of the traced process a device of its own, at the first event that the thread has."""

import _thread
import os
import sys
from collections.abc import Mapping
from itertools import count
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from pykcov import _core
from pykcov.modes import modes
from pykcov.program.channel import Sender

if TYPE_CHECKING:
    from pykcov.kernel.driver import Driver
    from pykcov.program.handovers import Handovers

# Look for devices of ended threads when there are twice as many as the last look left, and at least so many.
_FIRST_LOOK = 16


class Devices:
    """The devices of all threads. Their descriptors go to the parent, which reads what they recorded."""

    def __init__(
        self, sender: Sender, mode: int, nmemb: int, kernel: bool, handovers: "Handovers | None" = None
    ) -> None:
        """Every device gets `nmemb` words and records in `mode`. With `kernel` the kernel appends to them, too."""
        self._sender = sender
        self._mode = mode
        self._nmemb = nmemb
        self._kernel = kernel
        self._handovers = handovers
        self._keys = count()
        self._devices: dict[int, _core.Device] = {}
        self._next_look = _FIRST_LOOK
        self._looking = _thread.allocate_lock()
        self._has_ended = False

    def begin(self) -> None:
        """Give the calling thread a device, and all others of this process; in a forked child once more."""
        # Those of a forked child's parent are the parent's.
        self._devices.clear()
        self._next_look = _FIRST_LOOK
        self._looking = _thread.allocate_lock()
        if self._handovers is not None:
            self._handovers.begin()
        _core.set_adopter(self.adopt)

    def adopt(self) -> None:
        """Give the calling thread a device and tell the parent; the adopter of _core.set_adopter()."""
        name = thread_name()
        try:
            device = _core.Device()
            kernel = self._beside(device) if self._kernel else None
            if kernel is None:
                device.set_buffer_size(self._nmemb)
            key = next(self._keys)
            # First to the parent: nothing is recorded that nobody could read.
            identity = (name, _thread.get_ident(), _thread.get_native_id())
            message = ("thread", key, *identity, kernel is not None, process_name())
            if self._sender.send(message, device.fileno() if kernel is None else kernel.fd):
                # The program may have few descriptors left. The device does without, and notices that it is gone.
                os.close(device.fileno())
                device.enable(self._mode)
                self._devices[key] = device
                if self._handovers is not None:
                    self._handovers.record_into(key, _core.Buffer(device))
                if self._has_ended:
                    device.close()
                if kernel is not None:
                    # It traces until the thread ends, without the descriptor, too.
                    kernel.enable(kernel.modes[self._mode & _core.TRACE_CMP or _core.TRACE_PC])
                    kernel.close()
            else:
                device.close()
        except Exception as error:  # say it in the summary, not in the middle of the program's output
            self._sender.send(("untraced", name, str(error)))
        self._close_ended()

    def end(self) -> None:
        """Let no thread record any longer."""
        self._has_ended = True
        _core.set_adopter(None)
        for device in list(self._devices.values()):
            device.close(wait=False)

    def _beside(self, device: _core.Device) -> "Driver":
        """Return the running kernel's driver for the calling thread, whose buffer `device` shares from now on."""
        # Imported by child.py already, if it is wanted at all: few runs trace a kernel.
        from pykcov.kernel.beside import running_driver

        kernel = running_driver()
        kernel.open()
        kernel.set_buffer_size(self._nmemb)
        device.share_buffer(kernel.mmap(self._nmemb))
        return kernel

    def _close_ended(self) -> None:
        if len(self._devices) < self._next_look or not self._looking.acquire(False):
            return
        try:
            # The end of its owner makes a device 'ready' again.
            ended = {key: device for key, device in list(self._devices.items()) if device.state == "ready"}
            for key, device in ended.items():
                del self._devices[key]
                device.close()
            self._next_look = max(2 * len(self._devices), _FIRST_LOOK)
            if ended:
                self._sender.send(("ended", list(ended)))
        finally:
            self._looking.release()


class Recorder(Protocol):
    """What begin() has record all threads of this process; in a forked child once more."""

    def begin(self) -> None:
        """Begin."""


def recorder(sender: Sender, request: Mapping[str, Any]) -> Recorder:
    """Return what records in the mode that is asked for."""
    if request["mode"] == "once":
        # Not before: other modes have no use for it.
        from pykcov.program.once import AllThreads

        return AllThreads(sender)
    handovers = None
    if request["mode"] == "pc":
        # Not before: other modes have no order, and no use for it.
        from pykcov.program.handovers import Handovers

        handovers = Handovers(sender)
    return Devices(sender, modes[request["mode"]], request["nmemb"], request["kernel"], handovers)


def thread_name() -> str:
    """Return the name of the calling thread: of its Thread object if it has one, else made of its native id."""
    threading = sys.modules.get("threading")
    if threading is not None:
        thread = threading.__dict__.get("_active", {}).get(_thread.get_ident())
        if thread is None:
            thread = _starting_thread(threading)
        # Nothing of a class that the program may have written: neither its property `name` nor __getattribute__.
        name = object.__getattribute__(thread, "__dict__").get("_name") if thread is not None else None
        if type(name) is str and name:
            return name
    return "MainThread" if _thread.get_native_id() == os.getpid() else f"thread-{_thread.get_native_id()}"


def process_name() -> str:
    """Return the name of the calling process if multiprocessing has given it one, else ''."""
    module = sys.modules.get("multiprocessing.process")
    process = module.__dict__.get("_current_process") if module is not None else None
    # As in thread_name().
    name = object.__getattribute__(process, "__dict__").get("_name") if process is not None else None
    return name if type(name) is str and name != "MainProcess" else ""


def _starting_thread(threading: ModuleType) -> object:
    """Return the Thread whose first lines the calling thread is in: it is not registered yet."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_back is not None:
        frame = frame.f_back
    if frame is not None and frame.f_globals is threading.__dict__ and frame.f_code.co_name == "_bootstrap":
        return frame.f_locals.get("self")
    return None
