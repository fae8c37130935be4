"""Trace files: what is saved is loaded, numpy alone can read it, and nothing that is no trace file is taken for one."""

import contextlib
import io
import subprocess
import sys
import zipfile
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pykcov.traces import npz
from pykcov.traces.handovers import Handover
from pykcov.traces.location_table import LocationTable
from pykcov.traces.locations import Location
from pykcov.traces.processes import Process
from pykcov.traces.texts import file_digest
from pykcov.traces.threads import Thread
from pykcov.traces.tracefile import TraceFile, TraceFileError


def location(pc: int, **changes: Any) -> Location:
    fields: dict[str, Any] = {
        "file": "/a.py",
        "line": 3,
        "end_line": 4,
        "column": 2,
        "end_column": 9,
        "function": "C.f",
        "module": "a",
        "lines": (3, 4),
    }
    return Location(pc, **(fields | changes))


TOP = 1 << 63
LOCATIONS = [
    location(TOP + 7, file="/b.py", lines=(1,), module="b"),
    location(TOP + 5),
    location((1 << 64) - 1, lines=(7, 8, 9), column=-1, end_column=-1),
    location(TOP + 6, lines=(), line=0, comparison="in"),
]


def words(*pcs: int) -> memoryview:
    return memoryview(array("Q", pcs))


def sample() -> TraceFile:
    return TraceFile(
        command="main.py 'a b' \udc80é",
        folder="/here",
        python="3.11",
        platform="Linux",
        mode="pc",
        granularity="block",
        started="2026-01-01T00:00:00+00:00",
        exit_status=-9,
        forked=2,
        processes=[
            Process(
                4711, 1, "", "a.py 'b c'", False, "2026-01-01T00:00:00.000+00:00", "2026-01-01T00:00:01.000+00:00", 3
            ),
            Process(4712, 4711, "ForkProcess-1", "a.py 'b c'", True, "2026-01-01T00:00:00.500+00:00"),
        ],
        untraced=[("python3.9 x.py", "another version")],
        threads=[
            Thread("MainThread", 140000000000000, 10, 0, words(TOP + 5, TOP + 7, TOP + 5)),
            Thread("w\udcff", 2**64 - 1, 11, 3, words()),
            Thread("w", 1, 12, 0, words((1 << 64) - 1, TOP + 99)),
        ],
        locations=LocationTable.from_locations(LOCATIONS),
        digests={"/a.py": "x", "/b.py": ""},
        skipped=[("math", "an extension module")],
        handovers=[Handover(0, 2, 2, 0), Handover(2, 2, 0, 3)],
    )


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    saved = sample()
    saved.save(tmp_path / "t.npz")
    loaded = TraceFile.load(tmp_path / "t.npz")
    for name in ("command", "folder", "python", "platform", "mode", "granularity", "started", "exit_status", "forked"):
        assert getattr(loaded, name) == getattr(saved, name)
    assert (loaded.digests, loaded.skipped) == (saved.digests, saved.skipped)
    assert loaded.handovers == saved.handovers
    for got, expected in zip(loaded.threads, saved.threads, strict=True):
        assert (got.name, got.ident, got.native_id, got.dropped) == (
            expected.name,
            expected.ident,
            expected.native_id,
            expected.dropped,
        )
        assert got.entries.tolist() == expected.entries.tolist()
    assert [loaded.locations.location(row) for row in range(4)] == sorted(LOCATIONS)


def test_an_empty_trace_is_a_trace(tmp_path: Path) -> None:
    TraceFile().save(tmp_path / "t.npz")
    loaded = TraceFile.load(tmp_path / "t.npz")
    assert (loaded.threads, len(loaded.locations), loaded.lines(), loaded.known_lines()) == ([], 0, {}, {})


def test_lines_are_by_file_sorted_and_by_thread() -> None:
    trace = sample()
    assert trace.lines() == {"/a.py": [3, 4, 7, 8, 9], "/b.py": [1]}
    assert trace.lines(trace.threads[0]) == {"/a.py": [3, 4], "/b.py": [1]}
    assert trace.lines(trace.threads[1]) == {}
    assert trace.lines(trace.threads[2]) == {"/a.py": [7, 8, 9]}
    assert trace.known_lines() == {"/a.py": [3, 4, 7, 8, 9], "/b.py": [1]}


def test_pcs_that_the_table_does_not_know_are_no_rows() -> None:
    table = sample().locations
    assert table.rows_of([0, TOP + 5, TOP + 8, 2**64 - 1]) == [-1, 0, -1, 3]


def test_line_zero_is_no_line_of_a_file() -> None:
    table = LocationTable.from_locations([location(1, lines=(0, 1))])
    assert table.lines_of([0]) == {"/a.py": [1]}


def test_threads_with_one_name_are_told_apart() -> None:
    def thread(name: str, native_id: int) -> Thread:
        return Thread(name, 0, native_id, 0, words())

    threads = [thread("a", 1), thread("b", 2), thread("b", 3), thread("b", 3)]
    assert TraceFile(threads=threads).thread_names() == ["a", "b (2)", "b (3)", "b (3) #2"]
    assert TraceFile(threads=[thread("tab\t\udcff", 1)]).thread_names() == [r"tab\t\udcff"]


def test_numpy_alone_reads_a_trace_as_documented(tmp_path: Path) -> None:
    """The example of docs/tracefile.md, run where pykcov cannot be imported."""
    sample().save(tmp_path / "pykcov.npz")
    document = Path(__file__).parents[2] / "docs" / "tracefile.md"
    example, _ = [part.split("```")[0] for part in document.read_text().split("```python\n")[1:]]
    script = "import sys\nsys.modules['pykcov'] = None\n" + example
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "MainThread\n  /a.py [3, 4]\n  /b.py [1]\nw\\udcff\nw\n  /a.py [7, 8, 9]\n"


def test_every_array_is_documented(tmp_path: Path) -> None:
    sample().save(tmp_path / "t.npz")
    document = (Path(__file__).parents[2] / "docs" / "tracefile.md").read_text()
    with np.load(tmp_path / "t.npz") as archive:
        assert [name for name in archive.files if f"| `{name}` |" not in document] == []


def test_saving_replaces_the_file_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.npz"
    path.write_text("old")

    def fail(file: Any, arrays: Any) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(npz, "save", fail)
        with pytest.raises(OSError, match="No space left"):
            sample().save(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["t.npz"]
    assert path.read_text() == "old"
    sample().save(path)
    assert len(TraceFile.load(path).threads) == 3


def test_saving_follows_a_link(tmp_path: Path) -> None:
    (tmp_path / "link.npz").symlink_to("real.npz")
    sample().save(tmp_path / "link.npz")
    assert (tmp_path / "link.npz").is_symlink()
    assert len(TraceFile.load(tmp_path / "real.npz").threads) == 3


def test_digest_is_of_the_content_and_empty_for_what_is_no_file(tmp_path: Path) -> None:
    one, other = tmp_path / "a", tmp_path / "b"
    one.write_text("x")
    other.write_text("x")
    assert file_digest(str(one)) == file_digest(str(other)) != ""
    other.write_text("y")
    assert file_digest(str(one)) != file_digest(str(other))
    assert [file_digest(name) for name in ("<frozen os>", "", "/", "a\0b")] == ["", "", "", ""]


def saved_arrays(path: Path) -> dict[str, Any]:
    sample().save(path)
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


FOREIGN = {
    "nothing": b"",
    "text": b"hello\n",
    "a zip file cut off": b"PK\x03\x04",
    "a pickle": b"\x80\x04K\x01.",
    "numpy's magic alone": b"\x93NUMPY",
    "zeros": bytes(1000),
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.npz"
    path.write_bytes(content)
    with pytest.raises(TraceFileError, match=f"{path}: not a trace file"):
        TraceFile.load(path)


def test_a_zip_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(TraceFileError, match="not a trace file of pykcov"):
        TraceFile.load(path)


def test_arrays_of_something_else_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.npz"
    np.savez(path, x=np.arange(3))
    with pytest.raises(TraceFileError, match="not a trace file of pykcov"):
        TraceFile.load(path)
    np.savez(path, format="something else", version=1)
    with pytest.raises(TraceFileError, match="it says 'something else'"):
        TraceFile.load(path)
    with path.open("wb") as file:
        np.save(file, np.arange(3))
    with pytest.raises(TraceFileError, match="not a trace file of pykcov"):
        TraceFile.load(path)


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    arrays = saved_arrays(tmp_path / "t.npz")
    arrays["thread_name"] = np.array([1, {}], object)
    np.savez(tmp_path / "t.npz", **arrays)
    with pytest.raises(TraceFileError, match="Python objects, which are never loaded"):
        TraceFile.load(tmp_path / "t.npz")


def test_a_newer_version_is_refused_with_advice(tmp_path: Path) -> None:
    arrays = saved_arrays(tmp_path / "t.npz")
    np.savez(tmp_path / "t.npz", **arrays | {"version": 2})
    with pytest.raises(TraceFileError, match="format version 2, and this pykcov reads up to 1: use a newer pykcov"):
        TraceFile.load(tmp_path / "t.npz")


@pytest.mark.parametrize("what", ["is missing", "is a folder"])
def test_what_cannot_be_read_is_refused_with_its_reason(tmp_path: Path, what: str) -> None:
    path = tmp_path / "t.npz"
    if what == "is a folder":
        path.mkdir()
    with pytest.raises(TraceFileError, match=f"{path}: (No such file|Is a directory)"):
        TraceFile.load(path)


BAD_COLUMNS: dict[str, tuple[str, Any]] = {
    "an entry type": ("entries", np.zeros(5, "i4")),
    "comparisons of one word": ("mode", np.array("cmp")),
    "two dimensions": ("entries", np.zeros((5, 1), "u8")),
    "fewer entries": ("entries", np.zeros(3, "u8")),
    "a negative offset": ("thread_offset", np.array([-1, 3, 3])),
    "a huge length": ("thread_length", np.array([3, 0, 2**62])),
    "fewer threads": ("thread_name", np.array(["x"])),
    "numbers for names": ("thread_name", np.zeros(3)),
    "fewer locations": ("location_line", np.zeros(3, "i4")),
    "a file that is not there": ("location_file", np.array([0, 0, 2, 1], "i4")),
    "an unknown operation": ("location_comparison", np.array([0, 0, 99, 0], "u1")),
    "a negative function": ("location_function", np.array([-1, 0, 0, 0], "i4")),
    "unsorted pcs": ("location_pc", np.array([4, 3, 2, 1], "u8")),
    "lines that go back": ("location_lines_end", np.array([2, 1, 4, 6])),
    "lines that end early": ("location_lines_end", np.array([0, 0, 0, 0])),
    "lines that end late": ("location_lines_end", np.array([2, 2, 3, 9])),
    "no line at all": ("location_lines", np.zeros((0, 2), "i4")),
    "lines that no file has": ("location_lines", np.full(6, 2**31 - 1, "i4")),
    "lines before the first": ("location_lines", np.full(6, -1, "i4")),
    "lines of halves": ("location_lines", np.full(6, 1.5)),
    "a number for images": ("image_path", np.array(5)),
    "numbers for images": ("image_path", np.array([5])),
    "digests that do not fit": ("location_digests", np.array(["x"])),
    "an exit status in words": ("exit_status", np.array("zero")),
    "a command of numbers": ("command", np.array(3)),
    "a hand-over to a thread that is not there": ("handover_taker", np.array([2, 3], "i4")),
    "a hand-over of a thread before the first": ("handover_giver", np.array([0, -1], "i4")),
    "a hand-over behind the last entry": ("handover_given", np.array([4, 2])),
    "a hand-over before the first entry": ("handover_taken", np.array([0, -1])),
    "hand-overs that do not fit": ("handover_taken", np.array([0])),
    "reasons that do not fit": ("skipped_reason", np.array([], "U1")),
}


@pytest.mark.parametrize(("name", "column"), BAD_COLUMNS.values(), ids=BAD_COLUMNS)
def test_a_column_that_does_not_fit_is_refused(tmp_path: Path, name: str, column: Any) -> None:
    arrays = saved_arrays(tmp_path / "t.npz")
    np.savez(tmp_path / "t.npz", **arrays | {name: column})
    with pytest.raises(TraceFileError, match="damaged trace file"):
        TraceFile.load(tmp_path / "t.npz")


def test_a_file_of_an_older_version_has_no_hand_overs(tmp_path: Path) -> None:
    arrays = saved_arrays(tmp_path / "t.npz")
    np.savez(tmp_path / "t.npz", **{name: one for name, one in arrays.items() if not name.startswith("handover_")})
    assert TraceFile.load(tmp_path / "t.npz").handovers == []


def test_a_missing_column_is_refused(tmp_path: Path) -> None:
    arrays = saved_arrays(tmp_path / "t.npz")
    # Which older versions do not have.
    new = {"unexecuted_file", "thread_process", "process_pid", "untraced_command"}
    for name in arrays.keys() - new:
        np.savez(tmp_path / "t.npz", **{other: column for other, column in arrays.items() if other != name})
        with pytest.raises(TraceFileError):
            TraceFile.load(tmp_path / "t.npz")


def saved_bytes() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **_arrays())
    return file.getvalue()


def _arrays() -> dict[str, Any]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return saved_arrays(Path(folder, "t.npz"))


CONTENT = saved_bytes()


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.npz"
    for length in range(0, len(CONTENT), 37):
        path.write_bytes(CONTENT[:length])
        with pytest.raises(TraceFileError):
            TraceFile.load(path)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places=st.lists(st.tuples(st.integers(0, len(CONTENT) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_damage_anywhere_is_refused_or_harmless(tmp_path: Path, places: list[tuple[int, int]]) -> None:
    """Bytes that do not matter (dates, say) may change; all else is a TraceFileError, never another exception."""
    damaged = bytearray(CONTENT)
    for place, value in places:
        damaged[place] = value
    path = tmp_path / "t.npz"
    path.write_bytes(damaged)
    with contextlib.suppress(TraceFileError):
        assert TraceFile.load(path).lines() == sample().lines()
