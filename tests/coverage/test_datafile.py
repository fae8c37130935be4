"""The data file is what coverage.py would have written, by its own schema or, if that is another one, by itself."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from coverage import CoverageData, sqldata

from pykcov.coverage import datafile, schema
from pykcov.coverage.checked import DamagedDataError, read_own
from pykcov.coverage.contexts import Ran
from pykcov.coverage.masks import bytes_of


def normalized(schema: str) -> list[str]:
    text = re.sub(r"--[^\n]*", "", schema)
    return [re.sub(r"\s+", "", statement).lower() for statement in text.split(";") if statement.strip()]


def test_the_schema_is_that_of_coverage() -> None:
    assert datafile.installed_schema() == schema.SCHEMA_VERSION == sqldata.SCHEMA_VERSION
    assert normalized(schema.SCHEMA) == normalized(sqldata.SCHEMA)


def test_coverage_adds_to_arcs_and_takes_them_away(tmp_path: Path) -> None:
    one, other = str(tmp_path / "one.py"), str(tmp_path / "other.py")
    known = {one: bytes_of([(-1, 1), (1, -1), (1, 1)])}
    ran = Ran(
        contexts={"a": {one: 2}, "b": {one: 2}},
        arcs={"a": {one: 0b11}, "b": {one: 0b11}},
        known_arcs=known,
        known={one: 2, other: 0},
    )
    path = str(tmp_path / "data")
    datafile.write(path, ran, {})
    data = CoverageData(path)
    data.read()
    data.set_context("b")
    data.add_arcs({one: [(1, -1), (1, 2)], other: [(3, 4)]})
    assert set(data.arcs(one) or ()) == {(-1, 1), (1, -1), (1, 2)}
    data.set_query_context("a")
    assert set(data.arcs(one) or ()) == {(-1, 1), (1, -1)}
    data.purge_files([one])
    data.set_query_contexts(None)
    assert data.arcs(one) in ([], None)
    assert data.arcs(other) == [(3, 4)]
    data.close()


@pytest.mark.parametrize("schema", [schema.SCHEMA_VERSION, None])
def test_contexts_and_lines_come_back(schema: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datafile, "installed_schema", lambda: schema)
    one, other = str(tmp_path / "one.py"), str(tmp_path / "other.py")
    ran = Ran(
        contexts={"": {one: 0b110}, "t.py::b": {one: 1 << 900, other: 2}, "t.py::a": {}}, known={one: 0, other: 0}
    )
    path = str(tmp_path / "data")
    datafile.write(path, ran, {"root": "/"})
    data = CoverageData(path)
    data.read()
    assert data.measured_files() == {one, other}
    assert data.contexts_by_lineno(one) == {1: [""], 2: [""], 900: ["t.py::b"]}
    assert data.contexts_by_lineno(other) == {1: ["t.py::b"]}
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
    assert [file.name for file in tmp_path.iterdir()] == ["data"]


def test_a_file_with_a_view_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "data")
    datafile.write(
        path, Ran(contexts={"a": {"/f": 2}}, arcs={"a": {"/f": 1}}, known_arcs={"/f": bytes_of([(1, 2)])}), {}
    )
    assert "first" in read_own(path)
    endless = "with recursive n(x) as (select 1 union all select x + 1 from n) select x as file_id from n"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("drop view arc")
        database.execute(f"create view arc as {endless}")
    with pytest.raises(DamagedDataError, match="view"):
        read_own(path)


def test_arcs_as_bits_are_combined_by_coverage_in_either_order(tmp_path: Path) -> None:
    one, other = str(tmp_path / "one"), str(tmp_path / "other")
    for path, mask in ((one, 0b101), (other, 0b110)):
        known = {"/f": bytes_of([(-1, 1), (1, 2), (2, -1)])}
        datafile.write(path, Ran(contexts={path: {"/f": 6}}, arcs={path: {"/f": mask}}, known_arcs=known), {})
    datafile.write(other, Ran(contexts={"c": {"/f": 2}}, arcs={"c": {"/f": 1}}, known_arcs=known), {}, append=True)
    with closing(CoverageData(one)) as data, closing(CoverageData(other)) as more:
        data.read()
        more.read()
        data.update(more)
        assert set(data.arcs("/f") or ()) == {(-1, 1), (1, 2), (2, -1)}
        contexts = {line: set(names) for line, names in data.contexts_by_lineno("/f").items()}
        assert contexts == {1: {one, other, "c"}, 2: {one, other}}
