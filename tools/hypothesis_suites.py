"""Compares the outcomes of libraries' Hypothesis tests with the backend pykcov forced upon them and without it.

    tools/hypothesis_suites.py [LIBRARY]... [--keep FOLDER] [--examples COUNT]

Runs the tests that use Hypothesis, from the source distributions (by pip). Prints each test that comes out differently;
exit code 1 if there is one, or if a suite has no tests that use Hypothesis.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

_OUTCOME = re.compile(r"(\S+\.py::.*) (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)\b")

# Given to pytest: leaves only tests that use Hypothesis, with a backend of our choice. Settings of a profile do not do,
# as the suites load profiles of their own. Whether a health check fails depends on time and chance.
_FORCE = """
import os
from hypothesis import HealthCheck, is_hypothesis_test, settings


def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if is_hypothesis_test(getattr(item, "obj", None))]
    for item in items:
        function = getattr(item.obj, "__func__", item.obj)
        chosen = function._hypothesis_internal_use_settings
        function._hypothesis_internal_use_settings = settings(
            chosen,
            backend=os.environ["FORCED_BACKEND"],
            max_examples=min(chosen.max_examples, int(os.environ["FORCED_EXAMPLES"])),
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
"""


@dataclass(frozen=True)
class Library:
    """A library with tests that use Hypothesis."""

    version: str
    folder: str
    """Of its source distribution."""
    tests: str
    requirements: tuple[str, ...] = ()


LIBRARIES = {
    "attrs": Library("26.1.0", "attrs-26.1.0", "tests"),
    "cattrs": Library("26.2.1", "cattrs-26.2.1", "tests", ("immutables",)),
    "packaging": Library("26.4", "packaging-26.4", "tests/property", ("pretend",)),
    "python-dateutil": Library("4.0.0", "python_dateutil-4.0.0", "tests/property", ("six", "freezegun")),
}


def fetch(name: str, folder: Path) -> Path:
    """Return the folder of a source distribution, which is downloaded unless it is there."""
    library = LIBRARIES[name]
    root = folder / library.folder
    if not root.exists():
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        wanted = f"{name}=={library.version}"
        subprocess.run([*pip, "download", "--no-deps", "--no-binary", ":all:", "-d", str(folder), wanted], check=True)
        if library.requirements:
            subprocess.run([*pip, "install", "--target", str(root) + "-needs", *library.requirements], check=True)
        with tarfile.open(f"{root}.tar.gz") as archive:
            archive.extractall(folder, filter="data")
    return root


def outcomes(name: str, root: Path, plugins: Path, backend: str, examples: int) -> dict[str, str]:
    """Return what became of each test."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join((str(root / "src"), f"{root}-needs", str(plugins))),
        "FORCED_BACKEND": backend,
        "FORCED_EXAMPLES": str(examples),
    }
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "-p", "force_backend"]
    options = ["--hypothesis-seed=1", "--continue-on-collection-errors", "--tb=short"]
    options += ["-o", "addopts=", "-o", "filterwarnings=", "-p", "no:asyncio"]  # what is about other plugins
    done = subprocess.run(
        [*command, *options, LIBRARIES[name].tests], cwd=root, env=environment, capture_output=True, text=True
    )
    (root / f"output-{backend}.txt").write_text(done.stdout + done.stderr)
    return dict(_OUTCOME.findall(done.stdout))


def main() -> int:
    """Run all; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("libraries", nargs="*", metavar="LIBRARY")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where distributions and outputs stay")
    parser.add_argument("--examples", type=int, default=100, help="of a test at most (%(default)s)")
    arguments = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.keep or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "force_backend.py").write_text(_FORCE)
        for name in arguments.libraries or LIBRARIES:
            root = fetch(name, folder)
            own, ours = (outcomes(name, root, folder, one, arguments.examples) for one in ("hypothesis", "pykcov"))
            differing = sorted(test for test in own.keys() | ours.keys() if own.get(test) != ours.get(test))
            passed = list(own.values()).count("PASSED")
            print(f"{name}: {len(own)} tests, {passed} pass, {len(differing)} come out differently", flush=True)
            for test in differing:
                print(f"  {test}: {own.get(test)}, with the backend {ours.get(test)}")
            failed |= bool(differing) or not own
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
