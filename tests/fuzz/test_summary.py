"""summary.json counts as coverage.py does, whose report OSS-Fuzz makes its own of."""

import json
import subprocess
import sys
from pathlib import Path

LIBRARY = """
import json

LIMIT = 3

class Shape:
    sides = 4

    def area(self, sizes):
        total = 0
        for size in sizes:
            if size > LIMIT:
                total += size
            else:
                total -= 1
        return total

    def never(self):
        if self.sides:
            return 1
        return 2

def parse(data):
    if not data:
        return None
    try:
        sizes = json.loads(data)
    except ValueError:
        return 0
    if isinstance(sizes, list):
        return Shape().area(sizes)
    return sizes
"""
HARNESS = """
import sys
import atheris
with atheris.instrument_imports(include=["shapes"]):
    import shapes

atheris.Setup(sys.argv, shapes.parse)
atheris.Fuzz()
"""
PROGRAM = """
import shapes, sys, pathlib
for path in sorted(pathlib.Path("corpus").iterdir()):
    shapes.parse(path.read_bytes())
"""
INPUTS = [b"[1, 2]", b"[9]", b"x", b"5"]


def test_lines_branches_and_functions_are_those_of_coverage_py(tmp_path: Path) -> None:
    (tmp_path / "shapes.py").write_text(LIBRARY)
    (tmp_path / "fuzz_shapes.py").write_text(HARNESS)
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "corpus").mkdir()
    for number, data in enumerate(INPUTS):
        (tmp_path / "corpus" / str(number)).write_bytes(data)

    def python(*arguments: str) -> None:
        subprocess.run([sys.executable, "-m", *arguments], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)

    python("pykcov", "corpus", "coverage", "fuzz_shapes.py", "corpus", "--summary", "out/summary.json")
    python("coverage", "run", "--branch", "--include=shapes.py", "program.py")
    python("coverage", "json", "-o", "coverage.json")

    found = json.loads((tmp_path / "out/summary.json").read_text())
    expected = json.loads((tmp_path / "coverage.json").read_text())["totals"]
    assert found["type"] == "llvm.coverage.json.export"
    [data] = found["data"]
    [file] = data["files"]
    assert file["filename"] == str(tmp_path / "shapes.py")
    assert file["summary"] == data["totals"]
    totals = data["totals"]
    assert (totals["lines"]["count"], totals["lines"]["covered"]) == (
        expected["num_statements"],
        expected["covered_lines"],
    )
    assert (totals["branches"]["count"], totals["branches"]["covered"]) == (
        expected["num_branches"],
        expected["covered_branches"],
    )
    assert totals["branches"]["notcovered"] == expected["missing_branches"]
    # Those of the class and of the functions in it: the class's body counts as one, as it is code of its own.
    assert totals["functions"] == {"count": 4, "covered": 3, "percent": 75}
    assert 0 < totals["regions"]["covered"] < totals["regions"]["count"]
