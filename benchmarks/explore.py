"""How soon the page of `pykcov explore` opens and filters: 2,000 files, 10,000 contexts, 5 million pairs.

    python benchmarks/explore.py [--files N] [--contexts N] [--pairs N] [--keep FOLDER]

A pair is a context and a line that it ran. The data file is written by coverage.py; a context runs lines of some files,
in runs, as tests do, and each other lines. Needs Debian's chromium and chromium-driver. --keep FOLDER: makes the data
once, and only measures if the folder is there already.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from coverage import CoverageData

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "explore"))

from browsing import Page, chromium

FUNCTION = "def function_{0}(value, other=None):\n" + "".join(
    f"    value_{line} = value * {line} + len(str(other))  # step {line}\n" for line in range(1, 9)
)
LINES = 9
"""Of a function."""


def make(folder: Path, files: int, contexts: int, pairs: int, seed: int = 1) -> int:
    """Write sources and a data file; return how many pairs it has."""
    chance = random.Random(seed)
    sizes = []
    for number in range(files):
        functions = chance.randint(10, 60)
        path = folder / f"package_{number // 50:02}" / f"module_{number:04}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(FUNCTION.format(function) for function in range(functions)))
        sizes.append((str(path), functions))
    data = CoverageData(str(folder / "data"))
    done = 0
    each = pairs // contexts
    for number in range(contexts):
        lines: dict[str, set[int]] = {}
        left = each
        home = number * files // contexts
        while left > 0:
            path, functions = sizes[min(files - 1, max(0, home + int(chance.gauss(0, 12))))]
            # A few functions of the file, of each some lines up to a return.
            for _ in range(chance.randint(1, 6)):
                first = chance.randrange(functions) * (LINES + 1) + 2
                ran = range(first, first + chance.choice((3, 8, 8)))
                before = len(lines.setdefault(path, set()))
                lines[path].update(ran)
                left -= len(lines[path]) - before
        data.set_context(f"tests/test_{home:04}.py::test_{number:05}|run")
        data.add_lines(lines)
        done += sum(map(len, lines.values()))
    data.write()
    data.close()
    return done


def size(folder: Path) -> int:
    """Return the bytes of all files below."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def seconds(page: Page, script: str) -> float:
    """Return how long a change takes until it is drawn: `script` makes it, in the page."""
    return (
        float(
            page.driver.execute_async_script(
                f"""
            const done = arguments[0];
            const start = performance.now();
            {script}
            requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - start)));
            """
            )
        )
        / 1000
    )


def processor(page: Page) -> float:
    """Return the processor time that the page has taken since it was opened, in seconds."""
    metrics = page.driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return float({one["name"]: one["value"] for one in metrics}["TaskDuration"])


def both(page: Page, script: str) -> str:
    """Return how long a change takes, and what of that is processor time."""
    before = processor(page)
    took = seconds(page, script)
    return f"{1000 * took:.0f} ({1000 * (processor(page) - before):.0f})"


def enter(selector: str, value: str) -> str:
    """Return a script that changes a field as a person does."""
    return f"""
        const field = document.querySelector({selector!r});
        field.value = {value!r};
        field.dispatchEvent(new Event(field.tagName === "SELECT" ? "change" : "input", {{bubbles: true}}));
    """


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--contexts", type=int, default=10_000)
    parser.add_argument("--pairs", type=int, default=5_000_000)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = options.keep or Path(name)
        if not (folder / "data").exists():
            folder.mkdir(exist_ok=True)
            pairs = make(folder, options.files, options.contexts, options.pairs)
            print(f"{options.files} files, {options.contexts} contexts, {pairs} pairs")
        subprocess.run([sys.executable, "-m", "pykcov", "explore", "data", "-o", "page"], cwd=folder, check=True)
        measure(folder / "page", (folder / "data").stat().st_size)


def measure(folder: Path, data: int) -> None:
    """Open the page and use it."""
    whole, sources = size(folder), sum(path.stat().st_size for path in folder.glob("data/file-*.js"))
    print(f"folder {whole / 1e6:.1f} MB, of which {sources / 1e6:.1f} MB are sources")
    print(f"data file {data / 1e6:.1f} MB: the folder is {whole / data:.2f} of it")
    with tempfile.TemporaryDirectory() as downloads, chromium(Path(downloads)) as browser:
        page = Page(browser, folder)
        opened = []
        loaded = []
        for _ in range(5):
            page.driver.get("about:blank")
            start = time.perf_counter()
            page.driver.get(page.address)
            page.wait(lambda: page.all("table.files tbody tr"))
            opened.append(time.perf_counter() - start)
            page.run(enter("#contexts-a", "*"))
            page.wait(lambda: page.all("table.files tbody tr") and "Loading" not in page.text("main"))
            loaded.append(time.perf_counter() - start)
        page.driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
        print(f"opens in {median(opened):.2f} s; all line sets are there after {median(loaded):.2f} s")
        for mode in ("any", "only", "all", "minus"):
            page.run(enter("#contexts-a", ""))
            page.run(enter("#mode", mode))
            if mode == "minus":
                page.run(enter("#contexts-b", "*1|run"))
            patterns = ("*test_0*", "*test_1*", "*test_*5|run", "*7.py::*")
            took = [both(page, enter("#contexts-a", pattern)) for pattern in patterns]
            print(f"filter '{mode}': {', '.join(took)} ms")
        page.run(enter("#contexts-a", ""))
        took = [both(page, enter("#search", words)) for words in ("module_1", "package_07", "")]
        print(f"search: {', '.join(took)} ms")
        start = time.perf_counter()
        page.show(view="difference", a="*test_00*", b="*test_01*")
        page.wait(lambda: page.all(".ranked tbody tr"))
        print(f"difference, with the page opened for it: {time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    main()
