"""The full-screen view of `pykcov run --live`."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Resize
from textual.widgets import DataTable, Footer, Input, RichLog, Static

from pykcov.counted import counted
from pykcov.live.driver import Driver
from pykcov.live.plain import rate, totals
from pykcov.live.sampling import Sample, Sampler, ThreadNow
from pykcov.live.terminal import Terminal

_TABLES, _OUTPUT = 0.5, 0.1
"""Seconds between two looks at the buffers, and at what the program prints."""
_THREADS = 100
"""Rows of threads: those that go on first, and of these those that record most."""
_OPERAND = 30
"""Characters of an operand."""
_INTERRUPT, _END_OF_FILE = b"\x03", b"\x04"

_Row = Sequence[str]


class View(App[None]):
    """Shows samples, and what the program prints.

    Ends when the program ends, when the user has seen enough, and when the terminal goes away.
    """

    CSS = """
    #totals { height: auto; padding: 0 1; background: $panel; }
    #threads { height: 2fr; }
    #below { height: 3fr; }
    #found { width: 1fr; }
    #program { width: 1fr; border-left: solid $panel; }
    #unfinished { height: auto; max-height: 3; }
    #typed { height: 3; display: none; }
    """
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "Pause the view"),
        Binding("r", "reset", "Reset"),
        Binding("w", "write", "Write a trace"),
        Binding("i", "type", "Type for the program"),
        Binding("escape", "stop_typing", "Back", show=False),
        Binding("q", "leave", "Leave the view"),
        Binding("ctrl+d", "end_input", show=False, priority=True),
        Binding("ctrl+c", "interrupt", "Interrupt the program", priority=True),
    ]

    def __init__(
        self,
        command: str,
        sampler: Sampler,
        terminal: Terminal,
        write: Callable[[], str],
        is_comparing: bool,
        has_ended: Callable[[], bool],
    ) -> None:
        """Show what `sampler` sees. `write` writes a trace of what there is and returns, in words, where."""
        super().__init__(driver_class=Driver)
        self._command = command
        self._sampler = sampler
        self._terminal = terminal
        self._write = write
        self._is_comparing = is_comparing
        self._has_ended = has_ended
        self._is_paused = False
        self._totals = self._note = ""
        self._shown = 0
        self._line = b""

    def compose(self) -> ComposeResult:
        """Put the parts together."""
        yield Static(id="totals", markup=False)
        yield DataTable[Text](id="threads", cursor_type="none")
        with Horizontal(id="below"):
            yield DataTable[Text](id="found", cursor_type="none")
            with Vertical(id="program"):
                yield RichLog(id="output", max_lines=2000)
                yield Static(id="unfinished", markup=False)
                yield Input(id="typed", placeholder="a line for the program; Ctrl-D ends its input")
        yield Footer()

    def on_mount(self) -> None:
        """Begin to look."""
        self._table("threads").add_columns("Thread", "State", "A second", "Entries", "Dropped", "Last recorded")
        # What is long, and tells less, comes last: there may be no room for it.
        found = ("Never matched", "Op", "Times", "Place") if self._is_comparing else ("New line", "Function", "Thread")
        self._table("found").add_columns(*found)
        self._look()
        self.set_interval(_TABLES, self._look)
        self.set_interval(_OUTPUT, self._show_output)

    def action_pause(self) -> None:
        """Hold the view, so that it can be read; the program goes on, and is recorded."""
        self._is_paused = not self._is_paused
        self._say("the view is paused, the program goes on" if self._is_paused else "")

    def action_reset(self) -> None:
        """Forget what was recorded so far."""
        self._sampler.forget()
        self._say("what was recorded before is forgotten")
        self._look()

    def action_write(self) -> None:
        """Write a trace of what was recorded so far."""
        self._say(self._write())

    def action_type(self) -> None:
        """Let lines be typed for the program."""
        typed = self.query_one("#typed", Input)
        typed.display = True
        typed.focus()

    def action_stop_typing(self) -> None:
        """Let keys be the view's again."""
        self.set_focus(None)
        self.query_one("#typed", Input).display = False

    def action_leave(self) -> None:
        """Leave the view: the program has the terminal from now on."""
        self.exit()

    def action_interrupt(self) -> None:
        """Do for the program what Ctrl-C does on its own terminal."""
        self._terminal.type(_INTERRUPT)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Give the program the line."""
        self._terminal.type(event.value.encode("utf-8", "surrogateescape") + b"\n")
        event.input.clear()

    def action_end_input(self) -> None:
        """End the input of the program."""
        self._terminal.type(_END_OF_FILE)

    def on_resize(self, event: Resize) -> None:
        """Tell the program how much room it has."""
        size = self.query_one("#output").content_size
        if size.width and size.height:
            self._terminal.resize(size.width, size.height)

    def _say(self, note: str) -> None:
        self._note = note
        self.query_one("#totals", Static).update("\n".join(filter(None, (self._command, self._totals, note))))

    def _look(self) -> None:
        if self._is_paused:
            return
        sample = self._sampler.sample()
        self._totals = totals(sample, self._is_comparing)
        self._say(self._note)
        self._fill("threads", _thread_rows(sample))
        if self._is_comparing:
            rows: list[_Row] = [
                (", ".join(map(_cut, one.operands)), one.op, f"{one.times:,d}", one.place) for one in sample.unmatched
            ]
        else:
            rows = [(one.place, one.function, one.thread) for one in sample.recent]
        self._fill("found", rows)

    def _table(self, name: str) -> "DataTable[Text]":
        return self.query_one(f"#{name}", DataTable)

    def _fill(self, name: str, rows: Sequence[_Row]) -> None:
        table = self._table(name)
        # Names and operands are the program's: text, never markup.
        at = table.scroll_y
        table.clear()
        table.add_rows([Text(cell, no_wrap=True, overflow="ellipsis") for cell in row] for row in rows)
        table.scroll_to(y=at, animate=False)

    def _show_output(self) -> None:
        """Show lines: of one that was written over, as progress bars are, what was written last."""
        if self._has_ended() or self._terminal.is_lost():
            self.exit()
        if self._is_paused:
            return
        log = self.query_one("#output", RichLog)
        while piece := self._terminal.output(self._shown):
            self._shown += len(piece)
            *lines, self._line = (self._line + piece).split(b"\n")
            for line in lines:
                log.write(_plain(line))
            self.query_one("#unfinished", Static).update(_plain(self._line))


def _plain(line: bytes) -> Text:
    text = line.decode("utf-8", "replace").rstrip("\r").rpartition("\r")[2]
    return Text.from_ansi(text.expandtabs())


def _cut(operand: str) -> str:
    return operand if len(operand) <= _OPERAND else operand[: _OPERAND - 1] + "…"


def _thread_rows(sample: Sample) -> list[_Row]:
    several = len(sample.processes) > 1

    def name(thread: ThreadNow) -> str:
        process = sample.processes[thread.process]
        return f"{process.name or process.pid} {thread.name}" if several else thread.name

    in_order = sorted(sample.threads, key=lambda one: (one.state == "ended", -one.new))
    rows: list[_Row] = [
        (
            name(one),
            one.state,
            rate(one.new, sample.elapsed),
            f"{one.entries:,d}",
            f"{one.dropped:,d}" if one.dropped else "",
            one.place,
        )
        for one in in_order[:_THREADS]
    ]
    if len(in_order) > _THREADS:
        rows.append((f"and {counted(len(in_order) - _THREADS, 'more thread')}", "", "", "", "", ""))
    return rows
