"""The store: what goes in comes out, of hostile names and sizes, too, and of several writers."""

import sqlite3
import threading
from pathlib import Path

import pytest
from postgres import postgres, what_is_missing
from sqlalchemy.exc import OperationalError

from pykcov.campaign.slices import Finding, Result, digest_of
from pykcov.campaign.store.database import StoreError
from pykcov.campaign.store.folder import export, folder_name, take
from pykcov.campaign.store.store import SEEN_MAX, Store
from pykcov.campaign.store.summary import finding_details, finding_summaries, target_summaries

HOSTILE = "../../etc/<script>alert(1)</script>::test\n"


def result(*datas: bytes, **others: object) -> Result:
    new = {digest_of(data): data for data in datas}
    reach = {digest: [(number + 1, 0)] for number, digest in enumerate(new)}
    return Result("w", "3.11", "v1", new=new, reach=reach)._replace(**others)


def finding(token: str, data: bytes = b"x", minimized: bytes | None = None) -> Finding:
    return Finding(f"{token}-name", token.partition("-")[0], token, f"Traceback of {token}", data, minimized, "")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    with Store(str(tmp_path / "store.db")) as opened:
        yield opened


def test_what_is_exported_can_be_imported(store: Store, tmp_path: Path) -> None:
    number = store.begin_campaign("c", "r", 1)
    for harness in ("a.py", HOSTILE):
        found = (finding("KeyError--f", b"long", b"l"), finding("SIGSEGV--g"))
        store.record(number, f"w-{harness}", harness, result(b"1", b"", b"2" * 100, findings=found), {})
    store.set_state(1, "known")
    assert export(store, tmp_path / "out") == (6, 4)
    assert sorted(path.name for path in (tmp_path / "out").iterdir())[:2] == ["a.py", "campaign.json"]
    assert not list(tmp_path.glob("etc*"))
    with Store(str(tmp_path / "other.db")) as other:
        assert take(other, tmp_path / "out", None, "r") == (6, 4)
        assert take(other, tmp_path / "out", None, "r") == (0, 0)
        for harness in ("a.py", HOSTILE):
            assert set(other.corpus(harness)) == set(store.corpus(harness))
        states = {(each.harness, each.token): each.state for each in finding_summaries(other)}
        assert states == {(each.harness, each.token): each.state for each in finding_summaries(store)}
        details = finding_details(other, 1)
        assert (details.input, details.minimized, details.summary.token) == (b"long", b"l", "KeyError--f")


def test_a_plain_corpus_is_imported_for_a_target(store: Store, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "one").write_bytes(b"1")
    (corpus / "again").write_bytes(b"1")
    (corpus / "two\n").write_bytes(b"2")
    with pytest.raises(StoreError, match="say of which target"):
        take(store, corpus, None, "")
    assert take(store, corpus, "a.py", "") == (2, 0)


@pytest.mark.parametrize(
    "text", ["{", "[" * 10**5, '{"a.py": 1}', '{"a.py": {"folder": ".."}}', '{"a.py": {"folder": "x/y"}}', "{}"]
)
def test_a_damaged_index_is_said_and_changes_nothing(store: Store, tmp_path: Path, text: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "campaign.json").write_text(text)
    if text == "{}":
        assert take(store, tmp_path / "in", None, "") == (0, 0)
        return
    with pytest.raises(StoreError):
        take(store, tmp_path / "in", None, "")
    assert store.corpus("a.py") == []


def test_folders_of_targets_never_meet() -> None:
    names = ["a/b", "a_b", "a.b", "..", ".", "", "a:b", "x" * 300, "x" * 301, "\ud800", "ä"]
    assert len({folder_name(name) for name in names if name != "\ud800"}) == len(names) - 1
    assert all("/" not in folder_name(name) for name in names if name != "\ud800")


def test_an_input_of_10_mb_and_one_that_two_targets_share(store: Store) -> None:
    number = store.begin_campaign("c", "r", 1)
    large = b"\0\xff" * 5_000_000
    for harness in ("a.py", "b.py"):
        assert store.record(number, harness, harness, result(large), {}).new_inputs == 1
    assert store.data(store.corpus("a.py")) == {digest_of(large): large}


def test_a_finding_that_comes_again_is_counted_and_reopened_once_it_was_fixed(store: Store) -> None:
    number = store.begin_campaign("c", "r", 1)
    found = (finding("KeyError--f", b"x"),)
    assert store.record(number, "1", "a.py", result(findings=found), {}).new_findings == ["KeyError--f"]
    assert store.record(number, "2", "a.py", result(findings=found), {}).new_findings == []
    assert store.to_replay("a.py", "v1") == []
    assert store.to_replay("a.py", "v2") == [("KeyError--f", digest_of(b"x"))]
    store.record(number, "3", "a.py", result(version="v2", fixed=("KeyError--f",)), {})
    assert finding_summaries(store)[0].state == "fixed"
    assert store.to_replay("a.py", "v3") == []
    assert store.record(number, "4", "a.py", result(findings=found), {}).new_findings == ["KeyError--f"]
    assert finding_summaries(store)[0][5:7] == ("reopened", 3)
    with pytest.raises(StoreError, match="no finding 9"):
        store.set_state(9, "known")
    with pytest.raises(StoreError, match="no state"):
        store.set_state(1, "gone")


def test_two_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    path = str(tmp_path / "store.db")
    Store(path).close()
    errors: list[BaseException] = []

    def write(name: str) -> None:
        try:
            with Store(path) as own:
                number = own.begin_campaign(name, "r", 1)
                for each in range(20):
                    own.record(number, f"{name}{each}", "a.py", result(b"%d" % each, name.encode()), {1: 1})
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in ("x", "y", "z")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert errors == []
    with Store(path) as store:
        assert len(store.corpus("a.py")) == 23


def test_postgresql_is_a_store_like_sqlite_and_comes_back_after_it_was_away() -> None:
    if what_is_missing():
        pytest.skip(what_is_missing())
    with postgres() as server, Store(server.url) as store:
        number = store.begin_campaign("c", "r", 1)
        found = (finding("KeyError--f\0", b"\0", b""),)
        top = (1 << 64) - 1
        first = result(b"1", b"22", places=[[top, "f\0.py", 1, 2, "f"]], findings=found)
        assert store.record(number, "1", HOSTILE, first, {top: 9}).new_findings == ["KeyError--f\\0"]
        again = result(b"2", b"1", reach={digest_of(b"1"): [(2, 0)], digest_of(b"2"): [(1, 0), (top, 7)]})
        assert store.record(number, "2", HOSTILE, again, {top: 1})[:3] == (1, 1, 1)
        assert store.record(number, "2", HOSTILE, again, {})[:3] == (0, 0, 0)
        server.stop()
        with pytest.raises(OperationalError):
            store.corpus(HOSTILE)
        server.start()
        (target,) = target_summaries(store)
        assert (target.inputs, target.record.reached, target.open_findings) == (3, 3, 1)
        assert store.seen(target.number) == {top: SEEN_MAX}
        assert store.cover(target.number)[2, 0].digest == digest_of(b"1")
        with pytest.raises(StoreError, match="no finding"):
            finding_details(store, 7)


def test_what_is_no_store_is_said(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is no database at all, however long it may be" * 100)
    other = tmp_path / "newer.db"
    Store(str(other)).close()
    with sqlite3.connect(other) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    for name, words in [
        (str(tmp_path / "text.db"), "not a database"),
        (str(tmp_path / "none" / "x.db"), "unable to open"),
        (str(other), "newer pykcov"),
        ("mysql://host/x", "SQLite or PostgreSQL"),
        ("postgresql://127.0.0.1:1/x", "refused|connect|No module named 'psycopg'"),
        ("http://x", "SQLite or PostgreSQL"),
    ]:
        with pytest.raises(StoreError, match=words):
            Store(name)
    with pytest.raises(StoreError, match="no such store"):
        Store(str(tmp_path / "nothing.db"), create=False)


def test_texts_that_no_database_takes_are_taken(store: Store) -> None:
    number = store.begin_campaign("c", "r", 1)
    odd = "\ud800\0"
    found = (Finding(odd, odd, odd, odd, b"", None, ""),)
    places = [[1, f"/x/{odd}.py", 1, 1, odd]]
    odd_result = result(b"1", worker=odd, problem=odd, places=places, findings=found, fixed=(odd,))
    assert store.record(number, "1", "a.py", odd_result, {}).new_findings == ["\\ud800\\0"]
