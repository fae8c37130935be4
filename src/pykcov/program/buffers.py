"""Takes what the traced processes tell and record, and holds it until the program has ended."""

import _socket as sockets  # the module socket imports much
import os
import shlex
import threading
from _operator import _compare_digest as compare_digest  # that of secrets, which imports much
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from select import EPOLLIN, epoll
from typing import Any, Self

from pykcov._core import Buffer
from pykcov.native.images import Image
from pykcov.program.channel import Assembler, packets, receive
from pykcov.program.image_space import ImageSpace
from pykcov.program.place_space import PlaceSpace
from pykcov.program.process import Process, status
from pykcov.traces.locations import Location

# Look for processes that have ended without a connection when so many, or twice as many as were left, have none.
_FIRST_LOOK = 16
# How often, once the program has ended.
_LOOK_SECONDS = 0.1


class _Connection:
    """One of a process: it may have several, one after the other."""

    def __init__(self, connection: sockets.socket, process: Process | None) -> None:
        self.socket = connection
        self.process = process
        """None until it has said which one it is."""
        self.is_trusted = process is not None
        """Whether it has shown the token that it was to inherit."""
        self.assembler = Assembler()


class Buffers:
    """Reads the sockets until stop() is called. `run` is to be called in a thread."""

    def __init__(
        self,
        connection: sockets.socket,
        entry_words: int,
        nmemb: int,
        follows: bool = True,
        is_watched: bool = False,
        waits: bool = False,
    ) -> None:
        """Take over `connection`, of the first process. An entry has `entry_words` words, a buffer `nmemb`.

        follows: whether other processes may connect. is_watched: whether forget() may be called. waits: whether run()
        goes on after stop() as long as any process does; it may be set to False meanwhile.
        """
        self.waits = waits
        self.lock = threading.Lock()
        """Held while messages are taken, and by who looks at processes meanwhile."""
        self.skipped: list[tuple[str, str]] = []
        self.untraced: list[tuple[str, str]] = []
        """Threads that got no device: name and reason."""
        self.untraced_processes: list[tuple[str, str]] = []
        """Command lines of processes that could not be traced, and why."""
        self.processes: list[Process] = []
        """The program itself first."""
        self.forked = 0
        self.interpreters = False
        """Whether the program has loaded what makes other interpreters in its process."""
        self.no_python = False
        """Whether the program could not be compiled: a bare Python has taken over, which says why."""
        self.closed_early = False
        """Whether the program closed the socket, or became another program, before its end."""
        self.on_state: Callable[[str, str], object] = lambda state, reason: None
        """Called with how far a process is that was attached to: 'begun', 'ended', or 'refused' and why."""
        self.request: dict[str, Any] = {}
        """What a Python program is told that the traced ones have started."""
        self._skips: set[tuple[str, str]] = set()
        self._first = connection
        self._entry_words = entry_words
        self._nmemb = nmemb
        self._is_watched = is_watched
        self._connections: dict[int, _Connection] = {}
        self._by_pid: dict[int, Process] = {}
        """Those that go on, as far as is known."""
        self._unconnected: list[Process] = []
        self._images = ImageSpace()
        self._places = PlaceSpace()
        self._next_look = _FIRST_LOOK
        self._stop_read, self._stop_write = os.pipe()
        self._epoll = epoll()
        self._exit_status = 0
        self.address = ""
        """Where processes connect: name of the socket and what shows that they may."""
        self._listener: sockets.socket | None = None
        if follows:
            name = f"pykcov-{os.getpid()}-{os.urandom(4).hex()}"
            self.address = f"{name}:{os.urandom(16).hex()}"
            self._listener = sockets.socket(sockets.AF_UNIX, sockets.SOCK_SEQPACKET | sockets.SOCK_NONBLOCK)
            self._listener.bind("\0" + name)
            self._listener.listen(4096)

    @property
    def locations(self) -> list[Location]:
        """What pcs of Python stand for."""
        return self._places.locations

    @property
    def images(self) -> list[Image]:
        """The executables and shared objects of all processes, each once."""
        return self._images.images

    def run(self, pid: int, command: str) -> None:
        """Take messages of process `pid`, which runs the program, and all that it starts until stop() is called."""
        found = status(pid)
        first = Process(pid, None, command, found.born if found is not None else 0)
        self._add(first)
        self._register(_Connection(self._first, first))
        self._epoll.register(self._stop_read, EPOLLIN)
        listening = -1 if self._listener is None else self._listener.fileno()
        if listening >= 0:
            self._epoll.register(listening, EPOLLIN)
        ended = False
        while not ended or (self.waits and self._any_goes_on()):
            ready = [descriptor for descriptor, _ in self._epoll.poll(_LOOK_SECONDS if ended else None)]
            if self._stop_read in ready:
                self._epoll.unregister(self._stop_read)
                ended = True
            with self.lock:
                those = self._connections.values() if ended else map(self._connections.get, ready)
                for each in list(those):
                    if each is not None and not self._take_of(each):
                        self._drop(each)
                if self._listener is not None and (ended or listening in ready):
                    self._accept_all(self._listener, ended)
        for process in list(self._by_pid.values()):
            self._note_end(process)
        next(one for one in reversed(self.processes) if one.pid == pid).exit_status = self._exit_status

    def location(self, process: Process, pc: int) -> Location | None:
        """Return what a pc of Python of a process stands for, if that has told it already."""
        return self._places.location(process, pc)

    def forget(self) -> None:
        """Forget what all threads have recorded so far. Only if the run is watched; not what mode once has recorded."""
        with self.lock:
            for process in self.processes:
                process.forget()

    def snapshot(self) -> Self:
        """Return what there is so far, as if the program had ended now, for trace_file()."""
        # Not before: few runs are looked at while they go on.
        from copy import copy, deepcopy

        with self.lock:
            so_far = copy(self)
            so_far._images = deepcopy(self._images)
            so_far._places = self._places.copy()
            so_far.processes = []
            for process in self.processes:
                if process in self._by_pid.values():
                    process = process.snapshot(self._entry_words)
                    distance = so_far._images.place(process.images)
                    if distance is not None:
                        process.relocate(distance, self._entry_words)
                so_far.processes.append(process)
        return so_far

    def stop(self, exit_status: int) -> None:
        """Have run() return when it has read what is there: the program has ended, so. See also `waits`."""
        self._exit_status = exit_status
        os.write(self._stop_write, b"\0")

    def close(self) -> None:
        """Close sockets and pipe; the program has ended. Processes that go on do so untraced."""
        for process in self.processes:
            if process in self._by_pid.values():
                self._finish(process)
        for each in self._connections.values():
            each.socket.close()
        self._first.close()
        if self._listener is not None:
            self._listener.close()
        self._epoll.close()
        os.close(self._stop_read)
        os.close(self._stop_write)

    def _add(self, process: Process) -> None:
        self.processes.append(process)
        self._by_pid[process.pid] = process

    def _register(self, each: _Connection) -> None:
        self._connections[each.socket.fileno()] = each
        self._epoll.register(each.socket.fileno(), EPOLLIN)

    def _accept_all(self, listener: sockets.socket, is_last: bool) -> None:
        while True:
            try:
                descriptor, _ = listener._accept()  # type: ignore[attr-defined]
            except BlockingIOError:
                return
            except OSError as error:  # of too many descriptors, say: those that wait get them later
                self.untraced_processes.append(("a process", f"it could not connect: {error}"))
                return
            each = _Connection(sockets.socket(fileno=descriptor), None)
            self._register(each)
            if is_last:
                self._take_of(each)

    def _drop(self, each: _Connection) -> None:
        self._epoll.unregister(each.socket.fileno())
        del self._connections[each.socket.fileno()]
        each.socket.close()
        self._lose(each)

    def _take_of(self, each: _Connection) -> bool:
        """Take the messages that are there; return whether there may be more later."""
        while True:
            try:
                packet, descriptors = receive(each.socket)
            except BlockingIOError:
                return True
            except ConnectionError:
                return False
            if not packet:
                return False
            try:
                if not each.is_trusted:
                    if not compare_digest(packet, self.address.partition(":")[2].encode()):
                        return False
                    each.is_trusted = True
                    continue
                for message in each.assembler.add(packet):
                    self._take(each, message, descriptors)
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)

    def _lose(self, each: _Connection) -> None:
        """See what has become of a process that is not connected any longer."""
        process = each.process
        if process is None or self._by_pid.get(process.pid) is not process:
            return
        if any(other.process is process for other in self._connections.values()):
            return
        self._note_end(process)
        if process.ended is None:
            # It goes on recording: as another program, or without its descriptors.
            if process is self.processes[0]:
                self.closed_early = not self.no_python and not process.is_finished
            self._unconnected.append(process)
            if len(self._unconnected) >= self._next_look:
                for one in self._unconnected:
                    self._note_end(one)
                self._unconnected = [one for one in self._unconnected if one.ended is None]
                self._next_look = max(2 * len(self._unconnected), _FIRST_LOOK)

    def _any_goes_on(self) -> bool:
        with self.lock:
            for process in list(self._by_pid.values()):
                self._note_end(process)
            return bool(self._by_pid)

    def _note_end(self, process: Process) -> None:
        found = status(process.pid)
        if found is not None and found.born == process.born:
            if not found.is_ending:
                return
            process.exit_status = found.exit_status
        process.ended = datetime.now(UTC)
        self._by_pid.pop(process.pid, None)
        self._finish(process)

    def _finish(self, process: Process) -> None:
        try:
            process.finish(self._entry_words)
        except (OSError, ValueError) as error:
            self._skip([("native code", f"what was loaded is not known: {error}")])
        distance = self._images.place(process.images)
        if distance is not None:
            process.relocate(distance, self._entry_words)

    def _take(self, each: _Connection, message: Any, descriptors: list[int]) -> None:
        process = each.process
        match message:
            case ("process", pid, parent_pid):
                each.process = self._forked(pid, parent_pid)
            case ("program", details):
                each.process = self._started(details)
                self._tell(each, {**self.request, **details, "address": self.address})
            case ("not traced", command, reason):
                self.untraced_processes.append((command, reason))
            case _ if process is not None:
                self._take_of_process(process, message, descriptors)

    def _take_of_process(self, process: Process, message: Any, descriptors: list[int]) -> None:
        match message:
            case ("thread", key, name, ident, native_id, of_kernel, process_name):
                process.name = process_name or process.name
                try:
                    # The mapping keeps the memory; the descriptor is closed, however many threads there are.
                    map_buffer = self._kernel_buffer if of_kernel else self._buffer
                    buffer = map_buffer(descriptors[0])
                    process.add_thread(key, name, ident, native_id, buffer)
                except (OSError, IndexError) as error:
                    self.untraced.append((name, f"its buffer could not be mapped: {error}"))
            case ("handovers",) if descriptors:
                process.add_handovers(Buffer.from_fd(descriptors[0]))
            case ("ended", keys):
                process.read(keys, self._entry_words)
            case ("untraced", name, reason):
                self.untraced.append((name, reason))
            case ("locations", rows):
                for row in rows:
                    self._places.learn(process, Location(*row))
            case ("skipped", rows):
                self._skip(rows)
            case ("own", folders):
                # Of what it starts the same code is chosen, wherever that lies.
                self.request = {**self.request, "source": folders}
            case ("images",) if descriptors:
                process.keep_image_log(descriptors[0])
            case ("interpreters",):
                self.interpreters = True
            case ("once",):
                try:
                    process.add_log(descriptors[0])
                except (OSError, IndexError) as error:
                    self.untraced.append(("all threads", f"their log could not be mapped: {error}"))
            case ("finished",):
                process.is_finished = process.log is not None  # nothing needs the connection until the very end
            case ("no python",):
                self.no_python |= process is self.processes[0]
            case ("forked",):
                self.forked += 1
            case ("attach", state, reason):
                self.on_state(state, reason)

    def _skip(self, rows: list[tuple[str, str]]) -> None:
        new = [row for row in rows if row not in self._skips]
        self._skips.update(new)
        self.skipped += new

    def _forked(self, pid: int, parent_pid: int) -> Process:
        """Return the process that says so, a child of one that is traced, if it is not known already."""
        found = status(pid)
        born = found.born if found is not None else 0
        known = self._by_pid.get(pid)
        if known is not None and known.born == born:
            if known in self._unconnected:
                self._unconnected.remove(known)
            if known is self.processes[0]:
                self.closed_early = False
            return known
        if known is not None:
            self._note_end(known)
        parent = self._by_pid.get(parent_pid)
        if parent is None:  # which has ended already
            parent = next((one for one in reversed(self.processes) if one.pid == parent_pid), self.processes[0])
        process = Process.forked(pid, parent, born)
        process.parent_pid = parent_pid
        self._add(process)
        return process

    def _started(self, details: Mapping[str, Any]) -> Process:
        """Return the new process that runs a program of its own, started by a traced one or instead of it."""
        # Who started it may have expected that it could not be traced.
        own = " " + " ".join(details["orig_argv"])
        self.untraced_processes = [one for one in self.untraced_processes if not one[0].endswith(own)]
        pid, found = details["pid"], status(details["pid"])
        former = self._by_pid.get(pid)
        if former is not None:
            if found is not None and former.born == found.born:
                former.has_become_another = True
                former.ended = datetime.now(UTC)
                self._finish(former)
                if former is self.processes[0]:
                    self.closed_early = False
            else:
                self._note_end(former)
            if former in self._unconnected:
                self._unconnected.remove(former)
        process = Process(pid, None, shlex.join(details["words"]), found.born if found is not None else 0)
        process.parent_pid = details["parent"]
        self._add(process)
        return process

    def _tell(self, each: _Connection, details: Mapping[str, Any]) -> None:
        try:
            for packet in packets(details, 0):
                each.socket.send(packet, sockets.MSG_DONTWAIT)
        except OSError:
            # It has ended, or has a command line that does not fit into a socket: then it goes on untraced.
            with suppress(OSError):
                each.socket.shutdown(sockets.SHUT_RDWR)

    def _buffer(self, descriptor: int) -> Buffer:
        return Buffer.from_fd(descriptor, writable=self._is_watched)

    def _kernel_buffer(self, descriptor: int) -> Buffer:
        """Map the buffer of a kernel's device, which the program shares."""
        # Not before: few runs trace a kernel.
        from pykcov.kernel.buffer import KernelBuffer

        buffer = KernelBuffer.from_driver(descriptor, self._nmemb)
        buffer.compares = self._entry_words > 1
        return buffer
