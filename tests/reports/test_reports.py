"""Reports of a trace in every format, and what they say of sources that are gone or have changed."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html import unescape
from pathlib import Path

import coverage
import pytest
from coverage import CoverageData

from pykcov.coverage.bounds import fails_under
from pykcov.reports import formats
from pykcov.reports._report import NothingToReportError, report
from pykcov.traces.tracefile import TraceFile

PROGRAM = '''\
import threading
from helper import helped


def in_thread():
    """Docstring."""
    helped(
        1,
    )


def never():
    return (1,
            2)


threading.Thread(target=in_thread, name="T <1>").start()
'''
HELPER = "def helped(n):\n    if n:\n        return 1\n    return 2\n"


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("traced")
    (folder / "main.py").write_text(PROGRAM)
    (folder / "helper.py").write_text(HELPER)
    (folder / "unused.py").write_text("import helper\n")
    subprocess.run([sys.executable, "-m", "pykcov", "run", "-q", "main.py"], cwd=folder, check=True)
    return folder


@pytest.fixture
def trace(traced: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TraceFile:
    monkeypatch.chdir(tmp_path)
    return TraceFile.load(traced / "pykcov.npz")


def test_the_formats_are_those_of_the_folder() -> None:
    assert formats() == ["data", "html", "json", "lcov", "text", "xml"]


def test_coverage_data_has_one_context_a_thread(trace: TraceFile, traced: Path, tmp_path: Path) -> None:
    main, helper = str(traced / "main.py"), str(traced / "helper.py")
    report(trace, "data", str(tmp_path / "data"))
    data = CoverageData(basename=str(tmp_path / "data"))
    data.read()
    assert data.measured_contexts() == {"MainThread", "T <1>"}
    assert sorted(data.lines(main) or ()) == [1, 2, 5, 7, 8, 12, 17]
    data.set_query_context("T <1>")
    assert sorted(data.lines(main) or ()) == [7, 8]
    assert sorted(data.lines(helper) or ()) == [2, 3]


def test_text_shows_files_and_threads(trace: TraceFile, traced: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = report(trace, "text", show_missing=True)
    assert (round(made.total), made.output, list(made.remarks)) == (82, "-", [])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [str(traced / "main.py"), "7", "1", "86%", "13"] in lines
    assert [str(traced / "helper.py"), "4", "1", "75%", "4"] in lines
    assert ["T", "<1>", "4", "4", "4", "0"] in lines


def test_text_goes_into_a_file(trace: TraceFile, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(trace, "text", "out.txt").output == "out.txt"
    assert "TOTAL" in Path("out.txt").read_text()
    assert capsys.readouterr().out == ""


def test_html_shows_the_threads_of_each_line(trace: TraceFile) -> None:
    assert report(trace, "html").output == "htmlcov"
    [page] = Path("htmlcov").glob("*main_py.html")
    assert "T <1>" in unescape(page.read_text())  # which coverage.py before 7.17 writes as JSON
    assert Path("htmlcov/index.html").exists()


def test_xml_is_cobertura(trace: TraceFile) -> None:
    report(trace, "xml")
    hits = {
        (found.get("filename"), line.get("number")): line.get("hits")
        for found in ElementTree.parse("coverage.xml").iter("class")
        for line in found.iter("line")
    }
    assert {line for (file, line), hit in hits.items() if file and file.endswith("main.py") and hit == "0"} == {"13"}


def test_lcov_lists_lines(trace: TraceFile) -> None:
    report(trace, "lcov", "lines.info")
    lines = Path("lines.info").read_text().splitlines()
    assert "DA:13,0" in [line.rpartition(",")[0] if line.count(",") > 1 else line for line in lines]


def test_json_has_the_threads_of_each_line(trace: TraceFile, capsys: pytest.CaptureFixture[str]) -> None:
    report(trace, "json", "-")
    found = json.loads(capsys.readouterr().out)
    [main] = [entry for file, entry in found["files"].items() if file.endswith("main.py")]
    assert main["contexts"]["7"] == ["T <1>"]
    assert main["contexts"]["17"] == ["MainThread"]
    assert main["missing_lines"] == [13]


def test_a_file_of_which_nothing_ran_is_shown(trace: TraceFile, traced: Path) -> None:
    trace.threads[:] = []
    assert report(trace, "json").total == 0
    assert set(json.loads(Path("coverage.json").read_text())["files"]) >= {str(traced / "main.py")}


def copy(trace: TraceFile, traced: Path, folder: Path) -> TraceFile:
    """The same trace of the same program in another folder, where it may be spoilt."""
    for name in ("main.py", "helper.py"):
        (folder / name).write_text((traced / name).read_text())
    return renamed(trace, {str(traced / name): str(folder / name) for name in ("main.py", "helper.py")})


def renamed(trace: TraceFile, names: dict[str, str]) -> TraceFile:
    files = [names.get(name, name) for name in trace.locations.files]
    return TraceFile(
        threads=trace.threads,
        locations=replace(trace.locations, files=files),
        digests={names.get(name, name): digest for name, digest in trace.digests.items()},
    )


def test_a_source_that_is_gone_is_told_and_left_out(trace: TraceFile, traced: Path, tmp_path: Path) -> None:
    moved = copy(trace, traced, tmp_path)
    (tmp_path / "main.py").unlink()
    made = report(moved, "json")
    assert list(made.remarks) == [f"{tmp_path}/main.py: its source is not there any more: left out"]
    assert set(json.loads(Path("coverage.json").read_text())["files"]) == {"helper.py"}


def test_a_source_that_has_changed_is_told(trace: TraceFile, traced: Path, tmp_path: Path) -> None:
    moved = copy(trace, traced, tmp_path)
    (tmp_path / "helper.py").write_text("# new\n" + HELPER)
    assert list(report(moved, "json").remarks) == [
        f"{tmp_path}/helper.py: has changed since the trace was made: its lines may be wrong"
    ]


def test_a_source_that_is_no_python_any_more_is_told_and_left_out(
    trace: TraceFile, traced: Path, tmp_path: Path
) -> None:
    moved = copy(trace, traced, tmp_path)
    (tmp_path / "helper.py").write_text("def (")
    made = report(moved, "json")
    assert len(made.remarks) == 2
    assert f"Couldn't parse Python file '{tmp_path}/helper.py'" in made.remarks[1]
    assert set(json.loads(Path("coverage.json").read_text())["files"]) == {"main.py"}


def test_no_source_at_all_is_an_error(trace: TraceFile, traced: Path, tmp_path: Path) -> None:
    moved = copy(trace, traced, tmp_path)
    (tmp_path / "main.py").unlink()
    (tmp_path / "helper.py").unlink()
    with pytest.raises(NothingToReportError, match=r"no source file that can be shown; .*main\.py: its source is not"):
        report(moved, "text")
    with pytest.raises(NothingToReportError, match="no source file that can be shown"):
        report(TraceFile(), "text")


def test_code_without_a_file_is_told_and_left_out(trace: TraceFile, traced: Path) -> None:
    spoilt = renamed(trace, {str(traced / "helper.py"): "<frozen os>"})
    [remark] = report(spoilt, "json").remarks
    assert remark == "code is left out whose file is none, or has no printable name: <frozen os>"


def test_the_users_coverage_configuration_is_read_only_where_it_is_asked_for(trace: TraceFile, tmp_path: Path) -> None:
    (tmp_path / ".coveragerc").write_text("[run]\nplugins = nosuch\n[report]\nfail_under = 100\nomit = *\n")
    assert round(report(trace, "json").total) == 82


@pytest.mark.parametrize(
    ("total", "bound", "expected"),
    [
        (100, 100, False),
        (99.99, 100, True),
        (79.6, 80, False),
        (79.4, 80, True),
        (0, 0, False),
        (79.9, 79.95, True),
        (79.946, 79.95, False),
        (50, 50.4, True),
    ],
)
def test_totals_are_compared_as_coverage_compares_them(total: float, bound: float, expected: bool) -> None:
    from coverage.results import should_fail_under

    assert fails_under(total, bound) == expected
    # Older ones round to whole percentages, whatever the bound is.
    if coverage.version_info >= (7, 17, 5):
        assert should_fail_under(total, bound, 0) == expected
