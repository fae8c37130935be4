"""`pykcov campaign ci`: the targets that a change concerns, and what it has broken."""

import json
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from campaigning import SLICES, campaign, write

from pykcov.campaign.ci import Verdict, markdown, place_of, write_junit, write_sarif
from pykcov.campaign.concerned import concerned
from pykcov.campaign.slices import Target
from pykcov.campaign.store.store import Store
from pykcov.campaign.store.summary import FindingDetails, FindingSummary
from pykcov.contrib.pytest_plugin.revisions import Repository

LIBRARY = '''
"""A library."""

LIMIT = 4


def count(data):
    return sum(each == 7 for each in data)


def parse(data):
    if data[:4] == b"key=":
        return check(data[4:])
    return count(data)


def check(data):
    if data == b"old bug":
        raise KeyError("old")
    return len(data)


def unused(data):
    return data[::-1]
'''


def git(folder: Path, *words: str) -> None:
    command = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *words]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with two targets, and a store of what they reach."""
    folder = tmp_path_factory.mktemp("ci")
    write(folder, library=LIBRARY, fuzz_parse="import library\n\ndef FuzzerRunOne(data):\n    library.parse(data)\n")
    (folder / ".gitignore").write_text("*.db*\n__pycache__\n*.fuzz\n")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    code, _, errors = campaign(folder, "run", "--workers", "1", *SLICES, "4", "library:count", "fuzz_parse.py")
    assert code == 77, errors
    return folder


@pytest.fixture(autouse=True)
def _unchanged(project: Path) -> None:
    git(project, "checkout", "-q", "--", ".")


TARGETS = ("library:count", "fuzz_parse.py")


def chosen(project: Path) -> dict[str, str]:
    targets = [Target(name, str(project)) for name in TARGETS]
    with Store(str(project / "pykcov-campaign.db"), create=False) as store:
        found = concerned(targets, store, Repository(str(project)), "HEAD")
    return {target.harness: why for target, why in found.targets.items()}


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        ("each == 7", "each == 8", TARGETS),
        ("return len(data)", "return 2 * len(data)", ("fuzz_parse.py",)),
        ("return data[::-1]", "return data", ()),
        ('"""A library."""', '"""Another text."""', ()),
        ("LIMIT = 4", "LIMIT = 5", TARGETS),
        ("def check(data):", "def check(data, *_):", ("fuzz_parse.py",)),
        ("def unused(data)", "def parse(data)", ("fuzz_parse.py",)),
    ],
)
def test_the_targets_whose_inputs_run_what_has_changed(
    project: Path, before: str, after: str, names: tuple[str, ...]
) -> None:
    write(project, library=LIBRARY.replace(before, after))
    assert set(chosen(project)) >= set(names)
    if before != "def unused(data)":
        assert set(chosen(project)) == set(names)


def test_a_changed_harness_and_an_unknown_target_are_chosen(project: Path) -> None:
    (project / "fuzz_parse.py").write_text((project / "fuzz_parse.py").read_text() + "\nnew = 1\n")
    assert chosen(project) == {"fuzz_parse.py": "fuzz_parse.py is its harness"}
    with Store(str(project / "pykcov-campaign.db")) as store:
        found = concerned([Target("library:unused", str(project))], store, Repository(str(project)), "HEAD")
    assert list(found.targets.values()) == ["nothing is known of it yet"]


def test_what_a_change_has_broken_is_told_and_what_was_broken_before_is_not(project: Path, tmp_path: Path) -> None:
    write(project, library=LIBRARY.replace("return len(data)", 'assert data != b"new"\n    return len(data)'))
    files = {name: tmp_path / name for name in ("junit", "sarif", "summary")}
    words = [f"--{name}={file}" for name, file in files.items()]
    ours = ["--since", "HEAD", "--workers", "1", *SLICES, "3", *words]
    code, _, errors = campaign(project, "ci", *ours, *TARGETS)
    assert code == 77, errors
    assert "fuzz_parse.py: its inputs run check() of library.py" in errors
    assert "library:count" not in errors
    assert "1 new finding since HEAD, 1 that it has, too" in errors
    (failure,) = ElementTree.parse(files["junit"]).getroot().iter("failure")
    assert failure.get("message", "").startswith("AssertionError--library.check")
    (result,) = json.loads(files["sarif"].read_text())["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "library.py"
    assert "AssertionError" in files["summary"].read_text()
    assert (
        subprocess.run(["git", "worktree", "list"], cwd=project, capture_output=True, text=True).stdout.count("\n") == 1
    )


def test_where_nothing_is_concerned_nothing_runs(project: Path, tmp_path: Path) -> None:
    summary = tmp_path / "summary"
    code, _, errors = campaign(project, "ci", "--since", "HEAD", f"--summary={summary}", *TARGETS)
    assert (code, "0 new findings" in errors) == (0, True), errors
    assert "No target runs what has changed" in summary.read_text()
    code, _, errors = campaign(project, "ci", "--since", "nothing", *TARGETS)
    assert (code, errors.count("\n")) == (2, 1), errors


def test_hostile_names_and_reports_are_text_in_each_file(tmp_path: Path) -> None:
    hostile = "<b>|`]]>\0\x1b[31m\n# heading"
    summary = FindingSummary(1, hostile, hostile, hostile, hostile, "new", 1, 0.0, 0.0, "")
    finding = FindingDetails(summary, f"```\n{hostile}", b"\0<script>``", None)
    verdict = Verdict("HEAD", {Target(hostile, "/"): hostile}, 1, 1.0, [finding], [], {hostile: hostile})
    write_junit(verdict, tmp_path / "junit.xml")
    (failure,) = ElementTree.parse(tmp_path / "junit.xml").getroot().iter("failure")
    assert "<script>" in (failure.text or "")
    write_sarif(verdict, tmp_path / "sarif.json", "/")
    json.loads((tmp_path / "sarif.json").read_text())
    text = markdown(verdict)
    assert "<b>" not in text.partition("````text")[0]
    assert "\n# heading" not in text.partition("````text")[0]


def test_the_innermost_place_in_the_project_is_shown(tmp_path: Path) -> None:
    (tmp_path / "a b.py").write_text("")
    report = f'  File "{tmp_path}/a b.py", line 3, in f\n  File "/usr/lib/python3/x.py", line 9, in g\nKeyError\n'
    assert place_of(report, str(tmp_path)) == ("a b.py", 3)
    assert place_of('  File "../../etc/passwd", line 1, in f\n', str(tmp_path)) is None
    assert place_of("no traceback", str(tmp_path)) is None
