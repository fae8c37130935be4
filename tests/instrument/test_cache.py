"""The cache of probed code: what comes out of it is what would be made anew, whatever happens to its files."""

import os
import shutil
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import CodeType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pykcov.instrument import cache
from pykcov.instrument.kind import Kind

MODULE = """
class Shape:
    sides = 4
    def area(self, *sizes):
        try:
            return [size * size for size in sizes if size > 0]
        finally:
            self.last = (lambda: sizes)()

async def later(n):
    async with n as m:
        yield "x" in m

def match(command):
    match command:
        case {"go": where} if where.startswith("n"):
            return where
        case [1, 2.5, b"x", None, -1j]:
            return frozenset({1, 2}), 10 ** 30, ...
"""
# Runs the module, and prints what it recorded, how its code came here and what is known of it.
PROGRAM = """
import sys
import pykcov
from pykcov.instrument import cache, code, imports
granularity, compare = sys.argv[1], sys.argv[2] == "compare"
rewritten = []
real = imports.instrument_code
imports.instrument_code = lambda code, name, **options: rewritten.append(name) or real(code, name, **options)
with pykcov.open() as device, pykcov.instrument_imports(["shapes"], granularity=granularity, compare=compare):
    device.set_buffer_size(10000)
    buffer = device.mmap()
    device.enable(pykcov.TRACE_PC)
    import shapes
    print(shapes.Shape().area(1, 2), shapes.match({"go": "north"}))
    device.disable()
for location in pykcov.symbolize(buffer.pcs()):
    print(location.pc, location.line, location.column, location.function, location.lines, location.comparison)
print(len(set(pykcov.traces.locations._codes)), pykcov.skipped())
print("rewritten" if rewritten else "from the cache", file=sys.stderr)
"""


class Folder:
    """A module, and a program that imports it with probes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.environment = {
            name: value for name, value in os.environ.items() if name not in ("PYTHONDONTWRITEBYTECODE", cache.VARIABLE)
        }
        self.environment["XDG_CACHE_HOME"] = str(path / "elsewhere")
        (path / "shapes.py").write_text(MODULE)
        (path / "program.py").write_text(PROGRAM)

    def run(self, granularity: str = "line", compare: str = "compare", **environment: str) -> tuple[str, str]:
        """Return what was recorded, and how the code came."""
        done = subprocess.run(
            [sys.executable, "program.py", granularity, compare],
            cwd=self.path,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr.strip()

    def files(self) -> list[Path]:
        return sorted(self.path.rglob("*.pykcov-*"))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.mark.parametrize("granularity", ["block", "line"])
@pytest.mark.parametrize("compare", ["compare", "plain"])
def test_code_from_the_cache_records_the_same(folder: Folder, granularity: str, compare: str) -> None:
    cold, how = folder.run(granularity, compare)
    assert how == "rewritten"
    name = granularity + "-compare" * (compare == "compare")
    assert [file.name.partition(".pykcov-")[2] for file in folder.files()] == [name]
    assert folder.files()[0].parent.name == "__pycache__"
    assert folder.run(granularity, compare) == (cold, "from the cache")
    other = "block" if granularity == "line" else "line"
    assert folder.run(other, compare)[1] == "rewritten"
    assert len(folder.files()) == 2


def test_another_source_is_another_module_whatever_its_time(folder: Folder) -> None:
    folder.run()
    source = folder.path / "shapes.py"
    for year in (2_000_000_000, 1):  # A clock that jumps.
        changed = source.read_text().replace("sides = 4", "sides = 4; more = [\n1,\n2]")
        source.write_text(changed)
        os.utime(source, (year, year))
        cold, how = folder.run()
        assert how == "rewritten"
        assert folder.run() == (cold, "from the cache")
    assert len(folder.files()) == 1


def test_a_moved_folder_has_its_own_file_names(folder: Folder, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder.run()
    moved = Folder(tmp_path_factory.mktemp("moved"))
    shutil.copytree(folder.path / "__pycache__", moved.path / "__pycache__")
    assert moved.run()[1] == "rewritten"
    assert moved.run()[1] == "from the cache"


def test_where_nothing_can_be_written_the_users_folder_is_used(folder: Folder) -> None:
    folder.run(PYKCOV_CACHE="off")
    assert folder.files() == []
    pycache = folder.path / "__pycache__"
    if os.geteuid() == 0:  # Whom no mode keeps from writing: a name that cannot be is as good.
        for kind in ("line-compare",):
            (pycache / f"shapes.{sys.implementation.cache_tag}.pykcov-{kind}").mkdir()
    else:
        pycache.chmod(0o555)
    cold, how = folder.run()
    assert how == "rewritten"
    assert folder.run() == (cold, "from the cache")
    assert list((folder.path / "elsewhere" / "pykcov").iterdir())
    pycache.chmod(0o755)


def test_off_a_folder_and_no_writing(folder: Folder) -> None:
    folder.run(PYKCOV_CACHE="off")
    folder.run(PYTHONDONTWRITEBYTECODE="1")
    assert folder.files() == []
    named = str(folder.path / "named")
    cold, _ = folder.run(PYKCOV_CACHE=named)
    assert [file.parent for file in folder.files()] == [Path(named)]
    assert folder.run(PYKCOV_CACHE=named, PYTHONDONTWRITEBYTECODE="1") == (cold, "from the cache")


def test_finer_probes_can_still_be_put_into_code_from_the_cache(folder: Folder) -> None:
    (folder.path / "finer.py").write_text(
        textwrap.dedent(
            """
            import pykcov
            from pykcov._view import constants
            with pykcov.instrument_imports(["shapes"], granularity="block"):
                import shapes
            before = shapes.Shape.area.__code__
            assert pykcov.instrument(shapes, granularity="block") and shapes.Shape.area.__code__ is before
            pykcov.instrument(shapes, granularity="line", compare=True)
            code = shapes.Shape.area.__code__
            print(len(constants(code)) - len(constants(before)), shapes.Shape().area(3), pykcov.skipped())
            """
        )
    )

    def run() -> str:
        done = subprocess.run(
            [sys.executable, "finer.py"], cwd=folder.path, env=folder.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    folder.run("block", "plain")
    warm = run()
    shutil.rmtree(folder.path / "__pycache__")
    assert run() == warm
    assert warm.endswith("[9] []\n")
    assert int(warm.split()[0]) > 0


def test_a_loader_that_is_merely_asked_for_code_gives_what_it_always_gives(folder: Folder) -> None:
    folder.run("block", "plain")
    (folder.path / "ask.py").write_text(
        textwrap.dedent(
            """
            import marshal, runpy, importlib.util
            import pykcov
            with pykcov.instrument_imports(["shapes"]):
                loader = importlib.util.find_spec("shapes").loader
                marshal.dumps(loader.get_code("shapes"))
                import shapes
            assert pykcov.instrument.__module__.startswith("pykcov")
            """
        )
    )
    done = subprocess.run(
        [sys.executable, "ask.py"], cwd=folder.path, env=folder.environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_many_writers_and_readers_at_once(folder: Folder) -> None:
    expected, _ = folder.run(PYKCOV_CACHE="off")
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda _: folder.run(), range(16)))
    assert {recorded for recorded, _ in runs} == {expected}
    assert folder.run() == (expected, "from the cache")
    assert len(folder.files()) == 1  # and nothing unfinished


SOURCE_PATH = "/nowhere/m.py"


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes, memoryview, Kind]:
    """A file of the cache that was written in another process, and what it belongs to."""
    path = tmp_path_factory.mktemp("stored")
    script = textwrap.dedent(
        f"""
        import marshal, sys
        from pykcov.instrument import cache
        from pykcov.instrument.code import instrument_code
        from pykcov.instrument.kind import Kind
        code = compile({MODULE!r}, {SOURCE_PATH!r}, "exec")
        open("m.pyc", "wb").write(bytes(16) + marshal.dumps(code))
        probed = instrument_code(code, "m", granularity="line", compare=True)
        cache.store(code, probed, "m", "m.pyc", Kind("line", True))
        """
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", cache.VARIABLE)}
    subprocess.run([sys.executable, "-c", script], cwd=path, env=environment, check=True)
    file = path / "m.pykcov-line-compare"
    return file, file.read_bytes(), memoryview((path / "m.pyc").read_bytes())[16:], Kind("line", True)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_a_damaged_file_is_none(
    stored: tuple[Path, bytes, memoryview, Kind], monkeypatch: pytest.MonkeyPatch, data: st.DataObject
) -> None:
    monkeypatch.delenv(cache.VARIABLE, raising=False)
    file, whole, original, kind = stored
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        match data.draw(st.sampled_from(["flip", "cut", "double", "zeros"])):
            case "flip" if damaged:
                damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
            case "cut":
                del damaged[data.draw(st.integers(0, len(damaged))) :]
            case "double":
                damaged += damaged[data.draw(st.integers(0, len(damaged))) :]
            case "zeros" if damaged:
                start = data.draw(st.integers(0, len(damaged) - 1))
                damaged[start : start + 512] = bytes(len(damaged[start : start + 512]))
    if bytes(damaged) == whole:
        return
    file.write_bytes(damaged)
    assert cache.load(original, "m", str(file.with_name("m.pyc")), SOURCE_PATH, kind) is None


def test_a_file_for_something_else_is_none(
    stored: tuple[Path, bytes, memoryview, Kind], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(cache.VARIABLE, raising=False)
    file, whole, original, kind = stored
    pyc = str(file.with_name("m.pyc"))
    file.write_bytes(whole)
    assert cache.load(original, "n", pyc, SOURCE_PATH, kind) is None
    assert cache.load(original, "m", pyc, "/elsewhere/m.py", kind) is None
    assert cache.load(original[1:], "m", pyc, SOURCE_PATH, kind) is None
    monkeypatch.setattr(cache, "_known_fingerprint", b"another version")
    assert cache.load(original, "m", pyc, SOURCE_PATH, kind) is None
    monkeypatch.setattr(cache, "_known_fingerprint", False)
    assert cache.load(original, "m", pyc, SOURCE_PATH, kind) is not None
    # Its pcs are taken now.
    assert cache.load(original, "m", pyc, SOURCE_PATH, kind) is None


def test_bindings_that_do_not_fit_are_refused() -> None:
    from pykcov import _core
    from pykcov._load import bind

    def code() -> CodeType:
        return compile("x = 1", "", "exec").replace(co_consts=(*[1], *[None] * 2))  # one of its own

    probes = _core.probes([1 << 63, 1 << 63 | 1])
    numbers = b"".join(n.to_bytes(4, sys.byteorder) for n in (1, 2, 0))
    for wrong in (b"", numbers[:8], numbers * 2, numbers[4:] + numbers[:4], b"\xff" * 12):
        with pytest.raises(ValueError, match="do not fit"):
            bind((code(),), probes, wrong)
    with pytest.raises(ValueError, match="do not fit"):
        bind((code(),), probes[:1], numbers)
    with pytest.raises(ValueError, match="do not fit"):
        bind((code().replace(co_consts=(1, 2, 3)),), probes, numbers)
    shared = code()
    constants = shared.co_consts
    with pytest.raises(ValueError, match="do not fit"):
        bind((shared,), probes, numbers)
    assert constants == (1, None, None)
    bound = code()
    bind((bound,), probes, numbers)
    assert bound.co_consts == (1, *probes)


FUNCTIONS = """
import sys
import shapes
from pykcov.instrument import rewriter
from pykcov.instrument.functions import instrument_selected
from pykcov.instrument.originals import original_of
from pykcov.instrument.selection import Selection
from pykcov.traces.known import known_lines
rewritten = []
real = rewriter.instrument_code
rewriter.instrument_code = lambda code, name, **options: rewritten.append(code.co_name) or real(code, name, **options)
before = shapes.match.__code__
print(instrument_selected(Selection(["shapes"]), "branch", compare=True))
assert original_of(shapes.match.__code__) == before
print(shapes.Shape().area(1, 2), shapes.match({"go": "north"}))
print({file: sorted(lines) for file, lines in known_lines().items()})
print(*rewritten, file=sys.stderr)
"""


def test_functions_found_alive_come_from_the_cache_until_one_of_them_changes(tmp_path: Path) -> None:
    def run() -> tuple[str, list[str]]:
        environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", cache.VARIABLE)}
        done = subprocess.run(
            [sys.executable, "-c", FUNCTIONS], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout, done.stderr.split()

    file = tmp_path / "shapes.py"
    file.write_text(MODULE)
    names = ["area", "later", "match"]
    made, rewritten = run()
    assert rewritten == names
    assert run() == (made, [])
    file.write_text(MODULE.replace("10 ** 30", "10 ** 301"))
    changed, rewritten = run()
    assert rewritten == names
    assert run() == (changed, [])
