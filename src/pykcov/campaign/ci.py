"""`pykcov campaign ci`: what a change has broken, as a job of continuous integration wants to know it."""

import html
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote
from xml.etree import ElementTree

from pykcov.campaign.slices import Target
from pykcov.campaign.store.summary import FindingDetails
from pykcov.contrib.pytest_plugin.revisions import Repository, RevisionError
from pykcov.counted import counted
from pykcov.fuzz.minimize import Judge
from pykcov.fuzz.settings import Settings

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FRAME = re.compile(r'^ *File "(.+)", line (\d+), in (.*)$', re.MULTILINE)
_UNKNOWN_IN_BASE = ("timeout", "out-of-memory")


class Verdict(NamedTuple):
    """What came of a run."""

    since: str
    chosen: Mapping[Target, str]
    """Targets that were fuzzed, and why."""
    executions: int
    seconds: float
    new: Sequence[FindingDetails]
    """Findings that the revision to compare with does not have."""
    old: Sequence[FindingDetails]
    """Those that it has, too."""
    problems: Mapping[str, str]
    """Targets that could not be run, and why."""


def split(
    found: Sequence[FindingDetails], targets: Sequence[Target], repository: Repository, since: str
) -> tuple[list[FindingDetails], list[FindingDetails]]:
    """Return which findings are new since a revision, and which that has, too. Raises RevisionError.

    The revision is checked out in a folder of its own, and each input tried there.
    """
    new: list[FindingDetails] = []
    old: list[FindingDetails] = []
    if not found:
        return new, old
    by_harness = {target.harness: target for target in targets}
    with _checked_out(repository, since) as base:
        for target in by_harness.values():
            own = [each for each in found if each.summary.harness == target.harness]
            if own:
                there = _tokens_in(base, repository, target, own)
                for each in own:
                    (old if each.summary.token in there else new).append(each)
    return new, old


def _tokens_in(base: str, repository: Repository, target: Target, found: Sequence[FindingDetails]) -> set[str]:
    """Return what the inputs of findings bring about where another revision is checked out."""
    folder = os.path.join(base, os.path.relpath(target.folder, repository.root))
    if not os.path.isdir(folder):
        return set()
    settings = Settings(
        target.harness, include=list(target.include), exclude=list(target.exclude), source=list(target.source)
    )
    tokens: set[str] = set()
    # Before what is installed, which may be the project itself in the state of now.
    paths = [folder, os.path.join(folder, "src"), base, os.path.join(base, "src")]
    with _working_in(folder, paths), Judge(settings) as judge:
        for each in found:
            if each.summary.kind not in _UNKNOWN_IN_BASE:
                tokens |= set(judge.verdict(each.minimized if each.minimized is not None else each.input).tokens)
                tokens |= set(judge.verdict(each.input).tokens)
    return tokens


@contextmanager
def _working_in(folder: str, paths: Sequence[str]) -> Iterator[None]:
    before, path = os.getcwd(), os.environ.get("PYTHONPATH")
    os.chdir(folder)
    os.environ["PYTHONPATH"] = os.pathsep.join([*paths, *([path] if path else [])])
    try:
        yield
    finally:
        os.chdir(before)
        if path is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = path


@contextmanager
def _checked_out(repository: Repository, revision: str) -> Iterator[str]:
    """Check a revision out in a folder of its own, for as long as the context lasts."""
    git = ["git", "-C", repository.root]
    with tempfile.TemporaryDirectory(prefix="pykcov-base-") as name:
        folder = os.path.join(name, "base")
        done = subprocess.run(
            [*git, "worktree", "add", "--quiet", "--detach", folder, revision], capture_output=True, text=True
        )
        if done.returncode:
            raise RevisionError(" ".join(done.stderr.split()) or f"{revision} cannot be checked out")
        try:
            yield folder
        finally:
            subprocess.run([*git, "worktree", "remove", "--force", folder], capture_output=True)


def write_junit(verdict: Verdict, file: Path) -> None:
    """Write the file of JUnit that most services read: a case for each target."""
    new = [each.summary.harness for each in verdict.new]
    suite = ElementTree.Element(
        "testsuite",
        name="pykcov campaign",
        tests=str(len(verdict.chosen)),
        failures=str(len({*new})),
        errors=str(len(verdict.problems)),
        time=f"{verdict.seconds:.1f}",
    )
    for target, why in verdict.chosen.items():
        case = ElementTree.SubElement(suite, "testcase", classname="pykcov.campaign", name=_xml(target.harness))
        for each in verdict.new:
            if each.summary.harness == target.harness:
                failure = ElementTree.SubElement(case, "failure", type=_xml(each.summary.kind))
                failure.set("message", _xml(each.summary.token))
                failure.text = _xml(f"{each.report}\ninput: {shortest(each)!r}\n")
        if target.harness in verdict.problems:
            error = ElementTree.SubElement(case, "error", type="not run")
            error.set("message", _xml(verdict.problems[target.harness]))
        ElementTree.SubElement(case, "system-out").text = _xml(f"chosen: {why}")
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.ElementTree(suites).write(file, "utf-8", xml_declaration=True)


def write_sarif(verdict: Verdict, file: Path, root: str) -> None:
    """Write a file of SARIF 2.1.0, which services show beside the lines of a change."""
    rules = sorted({each.summary.kind for each in verdict.new})
    told = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "pykcov", "rules": [{"id": rule} for rule in rules]}},
                "results": [_sarif_result(each, root) for each in verdict.new],
            }
        ],
    }
    file.write_text(json.dumps(told, indent=2) + "\n", "utf-8")


def _sarif_result(finding: FindingDetails, root: str) -> dict[str, Any]:
    place = place_of(finding.report, root)
    message = f"{finding.summary.harness} finds {finding.summary.token} with the input {shortest(finding)[:200]!r}"
    result: dict[str, Any] = {
        "ruleId": finding.summary.kind,
        "level": "error",
        "message": {"text": message},
        "partialFingerprints": {"pykcovToken/v1": finding.summary.token},
    }
    if place is not None:
        location = {"artifactLocation": {"uri": quote(place[0])}, "region": {"startLine": place[1]}}
        result["locations"] = [{"physicalLocation": location}]
    return result


def place_of(report: str, root: str) -> tuple[str, int] | None:
    """Return the innermost place of a traceback that is in the project: its file, from the root, and its line."""
    found = None
    for frame in _FRAME.finditer(report):
        path = os.path.join(root, frame[1])
        if os.path.isfile(path) and os.path.realpath(path).startswith(os.path.join(os.path.realpath(root), "")):
            found = os.path.relpath(os.path.realpath(path), os.path.realpath(root)), max(int(frame[2]), 1)
    return found


def markdown(verdict: Verdict) -> str:
    """Return a summary in Markdown. What inputs and tracebacks say is shown as text."""
    lines = ["## Fuzzing of this change", ""]
    if not verdict.chosen:
        return "\n".join([*lines, f"No target runs what has changed since {_md(verdict.since)}.", ""])
    lines += [
        f"{counted(len(verdict.chosen), 'target')}, {counted(verdict.executions, 'execution', digits=',')} in "
        f"{verdict.seconds:.0f} s; **{counted(len(verdict.new), 'new finding')}** since {_md(verdict.since)}, "
        f"{len(verdict.old)} that it has, too.",
        "",
        "| target | why | new findings |",
        "| --- | --- | ---: |",
    ]
    for target, why in verdict.chosen.items():
        count = sum(each.summary.harness == target.harness for each in verdict.new)
        shown = verdict.problems.get(target.harness)
        lines.append(f"| {_md(target.harness)} | {_md(why)} | {_md('not run: ' + shown) if shown else count} |")
    for each in verdict.new:
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", each.report)), default=0))
        lines += ["", f"### {_md(each.summary.token)}", "", f"{fence}text", each.report.rstrip(), fence, ""]
        lines += [f"Found by {_md(each.summary.harness)} with {_code(repr(shortest(each))[:500])}"]
    return "\n".join([*lines, ""])


def shortest(finding: FindingDetails) -> bytes:
    """Return the input to show."""
    return finding.minimized if finding.minimized is not None else finding.input


def _md(text: str) -> str:
    """Return text for a line of Markdown, in which nothing of it means anything."""
    return re.sub(r"([\\`*_{}\[\]()#+!|~<>@-])", r"\\\1", html.escape(" ".join(text.split()), quote=False))


def _code(text: str) -> str:
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence} {text} {fence}"


def _xml(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
