"""Breaks functions of libraries: the fuzz targets that find it must be among those that `pykcov campaign ci` chooses.

    tools/campaign_changes.py [LIBRARY]... [--faults 20] [--seconds 30] [--seed 1] [--folder FOLDER]

Fuzzes the targets of each library for some seconds. Then puts a fault into one function after the other, chosen at
random among all of the library, and runs what the corpora of the targets hold without pykcov: who fails has found it.
Faults that no target finds do not count. Exit code 1 if a target that finds one was not chosen. Needs git and pip.
"""

import argparse
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

from pytest_faults import broken, functions_in

LIBRARIES = {
    "tomlkit": (
        "tomlkit==0.13.2",
        "import tomlkit\nfrom tomlkit.exceptions import TOMLKitError\n",
        {
            "parse": "tomlkit.parse(text)",
            "edit": "document = tomlkit.parse(text); document['added'] = {'key': [1, 2]}; tomlkit.dumps(document)",
            "unwrap": "tomlkit.parse(text).unwrap()",
            "key": "tomlkit.key(text).as_string(), tomlkit.string(text).as_string()",
        },
        "(TOMLKitError, ValueError, TypeError)",
    ),
    "sqlparse": (
        "sqlparse==0.5.3",
        "import sqlparse\nfrom sqlparse.exceptions import SQLParseError\n",
        {
            "parse": "sqlparse.parse(text)",
            "split": "sqlparse.split(text)",
            "reindent": "sqlparse.format(text, reindent=True, keyword_case='upper')",
            "strip": "sqlparse.format(text, strip_comments=True, strip_whitespace=True)",
        },
        "SQLParseError",
    ),
    "markdown_it": (
        "markdown-it-py==3.0.0",
        "from markdown_it import MarkdownIt\nplain = MarkdownIt('zero')\n"
        "full = MarkdownIt('gfm-like', {'linkify': False})\n",
        {
            "zero": "plain.render(text)",
            "commonmark": "MarkdownIt().render(text)",
            "full": "full.render(text)",
            "inline": "full.renderInline(text)",
        },
        "()",
    ),
}
"""What to install, how targets begin, their bodies, and what they may raise."""

FAULT = "raise RuntimeError('a seeded fault')"
_TARGET = """

def {name}(data):
    text = data.decode('utf-8', 'replace')
    try:
        {body}
    except {expected}:
        pass
"""
# Prints nothing; exit code 9 if one of the inputs, or the import, brings the fault about.
_REPLAY = """
import sys, pathlib
name, folder = sys.argv[1:]
try:
    import targets
    for path in sorted(pathlib.Path(folder).iterdir()):
        try:
            getattr(targets, name)(path.read_bytes())
        except Exception as error:
            if "a seeded fault" in repr(error) or "a seeded fault" in repr(error.__context__):
                raise
except Exception:
    sys.exit(9)
"""


def run(words: list[str], root: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a library's folder."""
    return subprocess.run(words, cwd=root, capture_output=True, text=True)


def prepare(name: str, folder: Path, seconds: float, seed: int) -> Path:
    """Install a library into a repository of its own, with targets; fuzz them and export what was found."""
    requirement, begin, bodies, expected = LIBRARIES[name]
    root = folder / name
    pip = [sys.executable, "-m", "pip", "install", "-q", "--target", str(root), requirement]
    subprocess.run(pip, check=True)
    text = begin + "".join(_TARGET.format(name=each, body=body, expected=expected) for each, body in bodies.items())
    (root / "targets.py").write_text(text)
    (root / ".gitignore").write_text("__pycache__\n*.db*\nexported\n")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "as it is"]):
        subprocess.run([*git, *words], cwd=root, check=True)
    harnesses = [f"targets:{each}" for each in bodies]
    campaign = [sys.executable, "-m", "pykcov", "campaign"]
    (root / "pyproject.toml").write_text(f"[tool.pykcov.campaign]\ntargets = {harnesses}\ninclude = ['{name}']\n")
    options = ["--for", f"{seconds:.0f}s", "--slice", "5s", "--workers", "2", "--seed", str(seed), "-q"]
    done = run([*campaign, "run", *options], root)
    assert done.returncode in (0, 77), done.stderr
    done = run([*campaign, "export", "exported"], root)
    assert done.returncode == 0, done.stderr
    return root


def corpora(root: Path, name: str) -> dict[str, Path]:
    """Return the folder of each target's corpus."""
    found = {}
    for each in LIBRARIES[name][2]:
        (folder,) = [path for path in (root / "exported").iterdir() if re.search(rf"_{each}-", path.name)]
        found[each] = folder / "corpus"
    return found


def chosen(root: Path) -> tuple[set[str], float]:
    """Return the targets that `pykcov campaign ci` chooses, and how many seconds of processor time that takes."""
    before = sum(os.times()[2:4])
    done = run([sys.executable, "-m", "pykcov", "campaign", "ci", "--since", "HEAD", "--dry-run"], root)
    assert done.returncode == 0, done.stderr
    return set(re.findall(r"\btargets:(\w+)", done.stdout + done.stderr)), sum(os.times()[2:4]) - before


def check(name: str, folder: Path, faults: int, seconds: float, seed: int) -> tuple[int, int, list[float]]:
    """Try a library; return how many faults were found, how many finders were not chosen, and times to choose."""
    root = prepare(name, folder, seconds, seed)
    own = corpora(root, name)
    places = list(functions_in(root / name))
    random.Random(seed).shuffle(places)
    found = missed = tried = 0
    times = []
    for place in places:
        if found == faults:
            break
        tried += 1
        with broken(place, FAULT):
            finders = {
                target
                for target, corpus in own.items()
                if run([sys.executable, "-c", _REPLAY, target, str(corpus)], root).returncode == 9
            }
            if not finders:
                continue
            names, spent = chosen(root)
        found += 1
        times.append(spent)
        missed += len(finders - names)
        where = f"{place.file.relative_to(root)}:{place.first} {place.name}"
        left = f", NOT CHOSEN: {' '.join(sorted(finders - names))}" if finders - names else ""
        print(f"  {where}: {len(finders)} of {len(own)} find it, {len(names)} chosen{left}", flush=True)
    print(f"{name}: {found} faults found, of {tried} put in", flush=True)
    return found, missed, times


def main() -> int:
    """Try libraries."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", nargs="*", default=list(LIBRARIES), metavar="LIBRARY")
    parser.add_argument("--faults", type=int, default=7, help="of each library, that targets find")
    parser.add_argument("--seconds", type=float, default=30, help="how long targets are fuzzed at first")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where libraries are installed; not there yet")
    options = parser.parse_args()
    found = missed = 0
    times: list[float] = []
    with nullcontext(options.folder) if options.folder else tempfile.TemporaryDirectory() as folder:
        Path(folder).mkdir(exist_ok=True)
        for name in options.library:
            each = check(name, Path(folder).resolve(), options.faults, options.seconds, options.seed)
            found, missed, times = found + each[0], missed + each[1], times + each[2]
    print(
        f"{found} faults, {missed} targets that find one were not chosen; seconds of processor time to choose: "
        f"{statistics.median(times):.2f} (median), {max(times):.2f} (most)"
    )
    return missed > 0


if __name__ == "__main__":
    sys.exit(main())
