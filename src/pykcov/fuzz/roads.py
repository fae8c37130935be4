"""Where Python tells of exceptions that nobody catches: the hooks of fuzz/background.py, one by one.

They go into the modules that the program has imported, and into others as soon as it imports them.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from contextvars import Context
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pykcov import _core
from pykcov._exec import Unrecorded

if TYPE_CHECKING:
    from pykcov.fuzz.background import Background


class Roads:
    """All hooks of one Background."""

    def __init__(self, background: Background) -> None:
        """Take who is told."""
        self._background = background
        self._undo: list[Callable[[], None]] = []
        self._for_ever: set[str] = set()
        self._modules: dict[str, Callable[[Any], None]] = {
            "threading": self._watch_threads,
            "asyncio.base_events": self._watch_loops,
            "uvloop": self._watch_uvloop,
            "gevent.hub": self._watch_greenlets,
            "concurrent.futures._base": self._watch_futures,
            "multiprocessing.pool": self._watch_pools,
            "multiprocessing.process": self._watch_processes,
        }
        self._waiting: dict[str, Callable[[Any], None]] = {}
        self._unraisable = sys.unraisablehook
        self.hook = self.unraisable
        """What stands in sys.unraisablehook."""
        self._renewed = 0
        self._collects = False
        """Garbage is being collected: what happens may be because of anybody."""

    def install(self) -> None:
        """See Background.install()."""
        self._waiting = {name: install for name, install in self._modules.items() if name not in self._for_ever}
        for name in [name for name in self._waiting if name in sys.modules]:
            self._waiting.pop(name)(sys.modules[name])
        sys.meta_path.insert(0, self)
        gc.callbacks.append(self._note_collection)
        self._unraisable = sys.unraisablehook
        sys.unraisablehook = self.hook

    def remove(self) -> None:
        """Undo it, but where the program has put something else in the place of a hook."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        if self._note_collection in gc.callbacks:
            gc.callbacks.remove(self._note_collection)
        while self._undo:
            self._undo.pop()()
        if sys.unraisablehook is self.hook:
            sys.unraisablehook = self._unraisable

    def renew(self) -> None:
        """Stand before the program's sys.unraisablehook. One that it sets again and again is watched another way."""
        self._renewed += 1
        if self._renewed == 1:
            self._unraisable, sys.unraisablehook = sys.unraisablehook, self.hook
        elif self._renewed == 2:
            self.audit()

    def audit(self) -> None:
        """Be told what goes to sys.unraisablehook, whoever sets that. For ever, and dear: only where it is needed."""

        def look(event: str, args: tuple[Any, ...]) -> None:
            if event == "sys.unraisablehook" and args[0] is not self.hook:
                self._note_unraisable(args[1])

        sys.addaudithook(look)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Find what has hooks when it is imported, as a finder does: by those behind it."""
        if name not in self._waiting:
            return None
        install = self._waiting.pop(name)
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            specification = finder.find_spec(name, path, target)
            if specification is not None:
                _call_after(specification, install)
                return specification
        return None

    def unraisable(self, what: Any) -> None:
        """Stand for sys.unraisablehook."""
        with Unrecorded():
            quiet = self._note_unraisable(what)
        if not quiet or self._unraisable is not sys.__unraisablehook__:
            self._unraisable(what)

    def _note_collection(self, phase: str, _: object) -> None:
        self._collects = phase == "start"

    def _note_unraisable(self, what: Any) -> bool:
        # Its name alone: nobody's __repr__() is called.
        of, group = what.object, None
        if type(of) is _core.Carried:  # a thread that ends works for nobody any more
            of, group = of.job, None if of.group is None else of.group.number
        name = getattr(of, "__qualname__", None) or type(of).__qualname__
        where = f"{what.err_msg or 'Exception ignored in'}: {name}"
        error = what.exc_value
        return error is not None and self._background.note(error, where, group, sure=not self._collects)

    def _replace(self, owner: Any, name: str, ours: object) -> None:
        original = vars(owner).get(name)

        def restore() -> None:
            if vars(owner).get(name) is ours:
                if original is None:
                    delattr(owner, name)
                else:
                    setattr(owner, name, original)

        setattr(owner, name, ours)
        self._undo.append(restore)

    def _watch_threads(self, threading: Any) -> None:
        # What threading.excepthook is set to while the input runs does not matter: this calls it.
        make = threading._make_invoke_excepthook

        def make_ours() -> Callable[[Any], None]:
            invoke = make()

            def invoke_hook(thread: Any) -> None:
                with Unrecorded():
                    error = sys.exc_info()[1]
                    where = f"Exception in thread {thread.name}"
                    quiet = error is not None and self._background.note(error, where)
                if not quiet or threading.excepthook is not threading.__excepthook__:
                    invoke(thread)

            return invoke_hook

        self._replace(threading, "_make_invoke_excepthook", make_ours)

    def _watch_loops(self, base_events: Any) -> None:
        self._watch_loop(base_events.BaseEventLoop)

    def _watch_uvloop(self, uvloop: Any) -> None:
        self._watch_loop(uvloop.Loop)

    def _watch_loop(self, loops: Any) -> None:
        call = loops.call_exception_handler
        default = loops.default_exception_handler

        def call_exception_handler(loop: Any, context: dict[str, Any]) -> None:
            with Unrecorded():
                quiet = self._note_context(context)
                own = (
                    loop.get_exception_handler() is not None
                    or type(loop).default_exception_handler is not default
                    or sys.modules["logging"].getLogger("asyncio").hasHandlers()
                )
            if not quiet or own:
                call(loop, context)

        self._replace(loops, "call_exception_handler", call_exception_handler)

    def _note_context(self, context: dict[str, Any]) -> bool:
        error, message = context.get("exception"), context.get("message")
        words = message if isinstance(message, str) else "Unhandled exception in event loop"
        if not isinstance(error, BaseException):
            return self._background.is_printed(words)
        task, handle = context.get("task") or context.get("future"), context.get("handle")
        group = _group_of(getattr(handle, "_context", None) if task is None else _context_of(task))
        return self._background.note(error, words, group, sure=group is not None or not self._collects)

    def _watch_greenlets(self, hub: Any) -> None:
        handle = hub.Hub.handle_error

        def handle_error(self_: Any, context: Any, kind: Any, error: Any, traceback: Any) -> None:
            with Unrecorded():
                quiet = isinstance(error, Exception) and self._background.note(error, "Exception in a greenlet")
            if not quiet:
                handle(self_, context, kind, error, traceback)

        self._replace(hub.Hub, "handle_error", handle_error)

    def _watch_futures(self, base: Any) -> None:
        base.Future._exception = _Result("_exception", self._background)
        self._for_ever.add("concurrent.futures._base")  # futures that live on refer to it

        def keep_record(record: Any) -> bool:
            with Unrecorded():
                error = record.exc_info[1] if record.exc_info else None
                quiet = error is not None and self._background.note(error, record.msg.partition(" for ")[0])
            return not quiet or bool(base.LOGGER.hasHandlers())

        base.LOGGER.addFilter(keep_record)

    def _watch_pools(self, pool: Any) -> None:
        init = pool.ApplyResult.__init__

        def __init__(result: Any, *args: Any, **keywords: Any) -> None:
            result.__dict__["_pykcov_group"] = _core.current_group().number
            init(result, *args, **keywords)

        pool.ApplyResult.__init__ = __init__
        pool.ApplyResult._value = _PoolResult("_value", self._background)
        self._for_ever.add("multiprocessing.pool")

    def _watch_processes(self, process: Any) -> None:
        bootstrap = process.BaseProcess._bootstrap

        def bootstrap_ours(child: Any, *args: Any, **keywords: Any) -> object:
            run = child.run

            def run_noted() -> object:
                try:
                    return run()
                except BaseException as error:
                    with Unrecorded():
                        self._background.note(error, f"Exception in process {child.name}")
                    raise

            child.__dict__["run"] = run_noted
            return bootstrap(child, *args, **keywords)

        self._replace(process.BaseProcess, "_bootstrap", bootstrap_ours)


def _call_after(specification: ModuleSpec, install: Callable[[Any], None]) -> None:
    """Have `install` called with the module when its code has run."""
    loader: Any = specification.loader
    run = getattr(loader, "exec_module", None)
    if run is None or isinstance(loader, type):
        return

    def exec_module(module: ModuleType) -> None:
        run(module)
        if module.__name__ == specification.name:  # a loader may serve several modules
            with Unrecorded():
                install(module)

    loader.exec_module = exec_module


class _Unread:
    """Stands in a result for an exception that nobody has looked at. It lives as long as the result."""

    __slots__ = ("background", "error", "group")

    def __init__(self, background: Background, error: BaseException | None, group: int | None) -> None:
        self.background = background
        self.error = error
        self.group = group

    def __del__(self) -> None:
        if self.error is not None:
            with Unrecorded():
                self.background.note(self.error, "Exception in a job whose result nobody asked for", self.group)


class _Result:
    """Stands for the attribute of futures that holds an exception: sees whether anybody looks at it.

    A future is made by who hands over the job, and gets its exception from who does it.
    """

    def __init__(self, name: str, background: Background) -> None:
        self._name = name
        self._background = background

    def __get__(self, result: Any, owner: type | None = None) -> Any:
        if result is None:
            return self
        try:
            value = result.__dict__[self._name]
        except KeyError:
            raise AttributeError(f"{type(result).__name__!r} object has no attribute {self._name!r}") from None
        if type(value) is _Unread:
            error, value.error = value.error, None
            result.__dict__[self._name] = value = error
        return value

    def __set__(self, result: Any, value: Any) -> None:
        kept = result.__dict__.get(self._name)
        if type(kept) is _Unread:
            kept.error = value
        else:
            result.__dict__[self._name] = self._watched(result, value)

    def __delete__(self, result: Any) -> None:
        del result.__dict__[self._name]

    def _watched(self, result: Any, value: Any) -> Any:
        return _Unread(self._background, value, _core.current_group().number)


class _PoolResult(_Result):
    """The same of multiprocessing.pool, which keeps results and exceptions in one place."""

    def _watched(self, result: Any, value: Any) -> Any:
        if result.__dict__.get("_success", True) or not isinstance(value, BaseException):
            return value
        return _Unread(self._background, value, result.__dict__.get("_pykcov_group"))


def _group_of(context: Context | None) -> int | None:
    """Return the number of the group of who works in a context. None: it names none."""
    group = context.get(_core.group_variable) if context is not None else None
    return group.number if group is not None else None


def _context_of(task: Any) -> Context | None:
    """Return the context that a task runs in."""
    if hasattr(task, "get_context"):
        found: Context = task.get_context()
        return found
    # 3.11 has no name for it.
    return next((each for each in gc.get_referents(task) if type(each) is Context), None)
