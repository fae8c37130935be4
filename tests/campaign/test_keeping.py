"""Results are kept while the store is away, full, or will not take one of them."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.exc import DataError, OperationalError

pytest.importorskip("distributed")

from pykcov.campaign import keeping
from pykcov.campaign.cluster import Cluster
from pykcov.campaign.keeping import Keeping, Report
from pykcov.campaign.run import Campaign, Plan
from pykcov.campaign.slices import Result, Slice, Target, digest_of
from pykcov.campaign.store.store import Recorded, Store


def report(data: bytes, harness: str = "a.py") -> Report:
    return Report(data.hex(), harness, Result("w", new={digest_of(data): data}), {})


class Away(Store):
    """A real store that is away when it is told to be, as a database is that has no room, or was restarted."""

    error: Exception | None = None

    def record(self, *arguments: object, **others: object) -> Recorded:
        if self.error is not None:
            raise self.error
        return super().record(*arguments, **others)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Away:
    monkeypatch.setattr(keeping, "_RETRY_SECONDS", 0.01)
    with Away(str(tmp_path / "store.db")) as opened:
        yield opened


def wait(is_so: Callable[[], bool]) -> None:
    while not is_so():
        time.sleep(0.01)


def test_results_wait_for_a_store_that_is_away_and_nothing_is_held_up(store: Away) -> None:
    said: list[str] = []
    recorded: list[str] = []
    kept = Keeping(store, store.begin_campaign("c", "", 1), "", said.append, lambda one, _: recorded.append(one.word))
    store.error = OperationalError("", {}, Exception("database or disk is full"))
    for each in range(5):
        kept.take(report(b"%d" % each))
    wait(lambda: bool(said))
    assert kept.inputs([digest_of(b"3")]) == {digest_of(b"3"): b"3"}
    store.error = None
    assert kept.finish(60) == 0
    assert recorded == [(b"%d" % each).hex() for each in range(5)]
    assert said == [
        "the store cannot be written to, results wait: database or disk is full",
        "the store can be written to again",
    ]
    assert len(store.corpus("a.py")) == 5


def test_what_is_never_written_is_saved_as_files_and_said(store: Away) -> None:
    said: list[str] = []
    kept = Keeping(store, store.begin_campaign("c", "", 1), "", said.append, lambda *_: None)
    store.error = OperationalError("", {}, Exception("no route to host"))
    for each in range(3):
        kept.take(report(b"%d" % each, "dir/../a.py"))
    wait(lambda: bool(said))
    assert kept.finish(0.05) == 3
    assert "3 results could not be written to the store (no route to host)" in said[-1]
    folder = Path(said[-1].partition("inputs are in ")[2].partition(";")[0])
    assert sorted(path.read_bytes() for path in folder.rglob("*") if path.is_file()) == [b"0", b"1", b"2"]


def test_a_result_that_the_store_refuses_holds_no_other_one_up(store: Away) -> None:
    said: list[str] = []
    kept = Keeping(store, store.begin_campaign("c", "", 1), "", said.append, lambda *_: None)
    store.error = DataError("", {}, Exception("too odd"))
    kept.take(report(b"odd"))
    wait(lambda: bool(said))
    store.error = None
    kept.take(report(b"good"))
    wait(lambda: bool(store.corpus("a.py")))
    assert kept.finish(60) == 1
    assert "a result of a.py cannot be stored: too odd" in said


class Broken(Cluster):
    """A cluster whose client fails in a way that nobody expects."""

    def __init__(self) -> None:
        pass

    def workers(self) -> list[str]:
        return ["tcp://worker"]

    def busy(self) -> set[str]:
        return set()

    def begin_slices(self) -> None:
        pass

    def give(self, address: str, word: str, work: Slice) -> None:
        raise RuntimeError("no slice can be given")


def test_a_campaign_that_fails_ends_and_does_not_wait_for_its_thread_for_ever(store: Away) -> None:
    campaign = Campaign(Plan([Target("a.py", ".")], 60), store, Broken(), print)
    with pytest.raises(RuntimeError, match="no slice can be given"):
        campaign.run()
    assert not [thread for thread in threading.enumerate() if thread.name == "pykcov-store"]
