"""instrument_imports(): modules as they are imported, by every way to import one."""

import os
import py_compile
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

# What every program below begins with. `ran()` is the set of modules whose module level was recorded.
PRELUDE = """
import sys
import pykcov
device = pykcov.open()
device.set_buffer_size(pykcov.BUFFER_WORDS_MAX)
buffer = device.mmap()
device.enable(pykcov.TRACE_UNIQUE_PC)
def hits():
    return {(hit.module, hit.function) for hit in pykcov.symbolize(buffer.pcs())}
def ran():
    return sorted(module for module, function in hits() if function == "<module>")
"""


def run(folder: Path, program: str, *arguments: str, status: int = 0) -> str:
    """Run a program in a folder that its imports come from; return what it prints."""
    (folder / "main_program.py").write_text(PRELUDE + textwrap.dedent(program))
    done = subprocess.run([sys.executable, "main_program.py", *arguments], cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr if not status else "") == (status, ""), done.stderr
    return done.stdout


def write(folder: Path, **files: str) -> None:
    """Write modules; `a__b` is module b of package a."""
    for name, source in files.items():
        path = folder / (name.replace("__", "/") + ".py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(source))


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("def f(): return 1\n")
    (tmp_path / "package" / "a.py").write_text("class C:\n    def m(self): return 2\n")
    (tmp_path / "package" / "b.py").write_text("from package import a\nx = [i for i in range(3)]\n")
    (tmp_path / "other.py").write_text("y = 1\n")
    return tmp_path


def test_modules_are_instrumented_from_module_level_on(package: Path) -> None:
    printed = run(
        package,
        """
        with pykcov.instrument_imports(["package"]):
            import package.b, other
        package.f(), package.a.C().m()
        print(ran(), ("package", "f") in hits(), ("package.a", "C") in hits(), ("package.a", "C.m") in hits())
        """,
    )

    assert printed == "['package', 'package.a', 'package.b'] True True True\n"


def test_hook_works_without_a_with_block_until_closed(package: Path) -> None:
    printed = run(
        package,
        """
        hook = pykcov.instrument_imports()
        import package
        hook.close()
        hook.close()
        import package.a
        print(ran())
        """,
    )

    assert printed == "['package']\n"


def test_imports_by_other_code_while_open_are_instrumented(package: Path) -> None:
    printed = run(
        package,
        """
        import threading
        with pykcov.instrument_imports(["package"]):
            thread = threading.Thread(target=__import__, args=("package.b",))
            thread.start()
            thread.join()
        package = sys.modules["package"]
        package.f(), package.a.C().m()
        print(sorted(hits()))
        """,
    )

    assert printed == "[('package', 'f'), ('package.a', 'C.m')]\n"


def test_exclude_and_several_hooks(package: Path) -> None:
    printed = run(
        package,
        """
        one = pykcov.instrument_imports(["package.*"], exclude=["package.b"], granularity="block")
        two = pykcov.instrument_imports(["package.a"], granularity="line")
        import package.b
        print(ran(), list(one.modules), list(two.modules))
        lines = {hit.lines for hit in pykcov.symbolize(buffer.pcs()) if hit.module == "package.a"}
        print(all(len(one) <= 1 for one in lines))
        two.close()
        import other
        one.close()
        """,
    )

    assert printed == "['package', 'package.a'] ['package', 'package.a'] ['package.a']\nTrue\n"


def test_patterns_that_match_nothing_are_told(package: Path) -> None:
    printed = run(
        package,
        """
        with pykcov.instrument_imports(["package", "pakcage", "math", "encodings.utf_8"]) as hook:
            import package, math
            print(hook.unmatched())
        """,
    )

    assert printed == "['pakcage']\n"


def test_extension_modules_are_named_if_asked_for(package: Path) -> None:
    printed = run(
        package,
        """
        with pykcov.instrument_imports(["math", "_json", "package"]):
            import math, _json, _struct, package
        print([tuple(skip) for skip in pykcov.skipped() if skip.name in ("math", "_json", "_struct", "package")])
        """,
    )

    reason = "'an extension module: it has no Python code'"
    assert sorted(eval(printed)) == [("_json", eval(reason)), ("math", eval(reason))]


def test_module_imported_before_has_its_functions_instrumented_and_is_named(package: Path) -> None:
    printed = run(
        package,
        """
        import package, other
        hook = pykcov.instrument_imports(["package"])
        package.f()
        print(hits(), [skip.name for skip in pykcov.skipped() if "imported before" in skip.reason])
        """,
    )

    assert printed == "{('package', 'f')} ['package']\n"


def test_reload_is_instrumented_with_the_same_pcs(package: Path) -> None:
    printed = run(
        package,
        """
        import importlib
        hook = pykcov.instrument_imports(["package"])
        import package
        first = buffer.pcs()
        importlib.reload(package)
        package.f()
        print(ran(), ("package", "f") in hits(), sorted(set(first.tolist())) == sorted(first.tolist()))
        print(len([pc for pc in buffer.pcs() if pykcov.symbolize([pc])[0].function == "<module>"]) == len(first))
        """,
    )

    assert printed == "['package'] True True\nTrue\n"


def test_sourceless_module(package: Path) -> None:
    py_compile.compile(str(package / "other.py"), cfile=str(package / "other.pyc"))
    (package / "other.py").unlink()

    printed = run(package, "pykcov.instrument_imports(['other'])\nimport other\nprint(ran(), other.__file__[-4:])\n")

    assert printed == "['other'] .pyc\n"


def test_modules_in_a_zip_file(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "modules.zip", "w") as archive:
        archive.writestr("zipped/__init__.py", "from zipped import inner\n")
        archive.writestr("zipped/inner.py", "def f(): return 1\n")

    printed = run(
        tmp_path,
        """
        sys.path.insert(0, "modules.zip")
        pykcov.instrument_imports(["zipped"])
        import zipped
        zipped.inner.f()
        print(ran(), ("zipped.inner", "f") in hits())
        """,
    )

    assert printed == "['zipped', 'zipped.inner'] True\n"


def test_module_in_a_namespace_package(tmp_path: Path) -> None:
    write(tmp_path, space__m="x = 1\n")

    printed = run(
        tmp_path,
        """
        hook = pykcov.instrument_imports(["space"])
        import space.m
        hook.close()
        print(ran(), hook.unmatched(), [skip for skip in pykcov.skipped() if skip.name == "space"])
        """,
    )

    assert printed == "['space.m'] [] []\n"


def test_lazily_loaded_module_is_instrumented_when_it_wakes(package: Path) -> None:
    printed = run(
        package,
        """
        import importlib.util
        pykcov.instrument_imports(["package"])
        specification = importlib.util.find_spec("package")
        specification.loader = importlib.util.LazyLoader(specification.loader)
        package = sys.modules["package"] = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(package)
        pykcov.skipped()
        print(ran())
        package.f()
        print(ran(), ("package", "f") in hits())
        """,
    )

    assert printed == "[]\n['package'] True\n"


def test_module_loaded_from_a_file_without_finders(package: Path) -> None:
    printed = run(
        package,
        """
        import importlib.util
        pykcov.instrument_imports(["by_file"])
        specification = importlib.util.spec_from_file_location("by_file", "other.py")
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        print(ran())
        """,
    )

    assert printed == "['by_file']\n"


@pytest.mark.parametrize("call", ["run_module('package.b')", "run_path('package/b.py', run_name='package.b')"])
def test_runpy_inside_the_program(package: Path, call: str) -> None:
    printed = run(
        package, f"pykcov.instrument_imports(['package'])\nimport runpy\nrunpy.{call}\nprint('package.b' in ran())\n"
    )

    assert printed == "True\n"


def test_runpy_as_main_goes_by_the_real_name(package: Path) -> None:
    printed = run(
        package,
        """
        import runpy
        pykcov.instrument_imports(["package"])
        runpy.run_module("package.b", run_name="__main__", alter_sys=True)
        print("package.b" in ran())
        """,
    )

    assert printed == "True\n"


def test_frozen_module(tmp_path: Path) -> None:
    printed = run(
        tmp_path,
        """
        import contextlib, io
        with pykcov.instrument_imports(["__hello__"]), contextlib.redirect_stdout(io.StringIO()):
            import __hello__
            __hello__.main()
        print(ran(), ("__hello__", "main") in hits())
        """,
    )

    assert printed == "['__hello__'] True\n"


def test_circular_imports(tmp_path: Path) -> None:
    write(tmp_path, one="import two\ndef f(): return two.g()\n", two="import one\ndef g(): return 7\n")

    printed = run(tmp_path, "pykcov.instrument_imports(['one', 'two'])\nimport one\nprint(one.f(), ran())\n")

    assert printed == "7 ['one', 'two']\n"


def test_loader_that_runs_code_itself_works_and_finders_and_loaders_are_untouched(tmp_path: Path) -> None:
    write(tmp_path, plain="x = 1\n")

    printed = run(
        tmp_path,
        """
        import importlib.abc, importlib.machinery, importlib.util
        class Loader(importlib.abc.Loader):
            def exec_module(self, module): module.x = 7
        class Finder(importlib.abc.MetaPathFinder):
            def find_spec(self, name, path, target=None):
                return importlib.machinery.ModuleSpec(name, Loader()) if name == "synthetic" else None
        finders = list(sys.meta_path)
        with pykcov.instrument_imports():
            sys.meta_path.insert(0, Finder())
            import synthetic, plain
        print(synthetic.x, ran(), sys.meta_path[1:] == finders)
        print(type(plain.__loader__).__name__, vars(plain.__loader__).keys() == {"name", "path"})
        """,
    )

    assert printed == "7 ['plain']\nTrue\n".replace("\nTrue", " True\nSourceFileLoader True")


def test_module_that_runs_unseen_is_named_if_asked_for(tmp_path: Path) -> None:
    write(tmp_path, plain="x = 1\n")

    printed = run(
        tmp_path,
        """
        import importlib.abc, importlib.machinery, types
        class Loader(importlib.abc.Loader):
            def exec_module(self, module): exec("def f(): pass", module.__dict__)
        class Finder(importlib.abc.MetaPathFinder):
            def find_spec(self, name, path, target=None):
                return importlib.machinery.ModuleSpec(name, Loader()) if name == "synthetic" else None
        sys.meta_path.insert(0, Finder())
        hook = pykcov.instrument_imports(["synthetic", "by_hand", "plain", "main_*", "__main__"])
        import synthetic, plain
        sys.modules["by_hand"] = types.ModuleType("by_hand")
        print(hook.unmatched(), sorted(skip.name for skip in pykcov.skipped() if "did not come by" in skip.reason))
        print([skip.reason for skip in pykcov.skipped() if skip.name == "__main__"])
        """,
    )

    assert printed.splitlines() == [
        "['main_*'] ['by_hand', 'synthetic']",
        "['was imported before: its functions have probes, its module level ran without']",
    ]


def test_loader_built_on_importlib_abc(tmp_path: Path) -> None:
    printed = run(
        tmp_path,
        """
        import importlib.abc, importlib.machinery
        class Loader(importlib.abc.InspectLoader):
            def get_source(self, name): return "x = 7\\ndef f(): return x"
            def is_package(self, name): return False
        class Finder(importlib.abc.MetaPathFinder):
            def find_spec(self, name, path, target=None):
                return importlib.machinery.ModuleSpec(name, Loader()) if name == "synthetic" else None
        sys.meta_path.insert(0, Finder())
        with pykcov.instrument_imports(["synthetic"]):
            import synthetic
        print(synthetic.f(), sorted(hits()))
        """,
    )

    assert printed == "7 [('synthetic', '<module>'), ('synthetic', 'f')]\n"


def test_caches_hold_the_plain_code(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    run(package, "pykcov.instrument_imports()\nimport package.b, other\n")

    done = subprocess.run(
        [sys.executable, "-c", "import package.b, other, sys; print('pykcov' in sys.modules, package.b.x)"],
        cwd=package,
        capture_output=True,
        text=True,
        check=True,
    )
    assert list((package / "package" / "__pycache__").glob("*.pyc"))
    assert done.stdout == "False [0, 1, 2]\n"


def test_plain_code_is_what_loaders_and_inspect_give(package: Path) -> None:
    printed = run(
        package,
        """
        import inspect
        from pykcov.instrument.code import is_instrumented
        pykcov.instrument_imports(["package"])
        import package.a
        print(is_instrumented(package.a.__loader__.get_code("package.a")))
        print(inspect.getsource(package.a.C.m), package.a.C.__module__, package.a.__spec__.origin == package.a.__file__)
        """,
    )

    assert printed == "False\n    def m(self): return 2\n package.a True\n"


def test_closing_leaves_importlib_as_it_was(package: Path) -> None:
    printed = run(
        package,
        """
        import importlib._bootstrap, importlib._bootstrap_external, runpy
        before = [dict(vars(module)) for module in (importlib._bootstrap, importlib._bootstrap_external, runpy)]
        with pykcov.instrument_imports():
            import package
        after = [dict(vars(module)) for module in (importlib._bootstrap, importlib._bootstrap_external, runpy)]
        print(before == after)
        """,
    )

    assert printed == "True\n"


FAILURES = {
    "raises": "def f():\n    return 1 / 0\nf()\n",
    "raises_import_error": "import no_such_module_anywhere\n",
    "has_bad_syntax": "x = (\n",
    "imports_failing": "import raises\n",
    "is_not_utf8": "\xff",
    "exits": "import sys\nsys.exit(3)\n",
    "raises_again": "try:\n    import raises\nexcept Exception as error:\n    raise ValueError('again') from error\n",
    "raises_group": "raise ExceptionGroup('g', [ValueError(1), TypeError(2)])\n",
    "raises_lazily": "raise StopIteration\n",
}
WAYS = {
    "statement": "exec(f'import {name}')",
    "import_module": "importlib.import_module(name)",
    "exec_module": "load(name)",
    "runpy": "runpy.run_module(name)",
    "reload": "reload(name)",
}
SHOW_FAILURES = """
import importlib.machinery, importlib.util, runpy, sys, traceback, types
if sys.argv[3] == "instrumented":
    import pykcov
    pykcov.instrument_imports()

def load(name):
    specification = importlib.util.find_spec(name)
    specification.loader.exec_module(importlib.util.module_from_spec(specification))

def reload(name):
    sys.modules[name] = module = types.ModuleType(name)
    module.__spec__ = importlib.util.spec_from_file_location(name, name + ".py")
    importlib.reload(module)

for name in sys.argv[2].split():
    try:
        exec(sys.argv[1])
    except BaseException:
        traceback.print_exc()
        sys.modules.pop(name, None)
exec(sys.argv[1])
"""


def bare_and_instrumented(
    folder: Path, *arguments: str
) -> tuple[subprocess.CompletedProcess[str], subprocess.CompletedProcess[str]]:
    """Run main_program.py, which instruments its imports if its last argument says so."""
    bare, instrumented = (
        subprocess.run(
            [sys.executable, "-B", "main_program.py", *arguments, kind], cwd=folder, capture_output=True, text=True
        )
        for kind in ("bare", "instrumented")
    )
    return bare, instrumented


@pytest.mark.parametrize("way", WAYS)
def test_traceback_of_a_failing_import_is_the_same_as_bare(tmp_path: Path, way: str) -> None:
    for name, source in FAILURES.items():
        (tmp_path / f"{name}.py").write_bytes(source.encode("latin-1"))
    (tmp_path / "main_program.py").write_text(SHOW_FAILURES)

    bare, instrumented = bare_and_instrumented(tmp_path, WAYS[way], " ".join(FAILURES))

    assert bare.returncode
    for name in FAILURES:
        assert f'{name}.py"' in bare.stderr
    assert (instrumented.returncode, instrumented.stderr) == (bare.returncode, bare.stderr)


def test_depth_of_the_stack_and_warnings_are_the_same_as_bare(tmp_path: Path) -> None:
    write(
        tmp_path,
        looks_around="""
        import sys, warnings
        frame, names = sys._getframe(), []
        while frame: names.append((frame.f_code.co_filename, frame.f_code.co_name)); frame = frame.f_back
        print(names)
        warnings.warn("from the module", stacklevel=2)
        """,
        main_program="""
        import sys
        if sys.argv[1] == "instrumented":
            import pykcov
            pykcov.instrument_imports()
        import looks_around
        """,
    )

    bare, instrumented = bare_and_instrumented(tmp_path)

    assert "looks_around" in bare.stdout
    assert (instrumented.stdout, instrumented.stderr) == (bare.stdout, bare.stderr)


@pytest.mark.parametrize("start", ["sys.settrace(see)", "sys.setprofile(see)"])
def test_tracers_and_profilers_see_the_same_calls_as_bare(tmp_path: Path, start: str) -> None:
    write(
        tmp_path,
        imported="def f(): return len([])\nf()\n",
        fills_caches="",
        main_program=f"""
        import sys, fills_caches
        if sys.argv[1] == "instrumented":
            import pykcov
            hook = pykcov.instrument_imports(["imported"])
        seen = []
        def see(frame, event, argument):
            seen.append((event, frame.f_code.co_filename, frame.f_code.co_name, getattr(argument, "__name__", "")))
        {start}
        import imported
        sys.settrace(None)
        sys.setprofile(None)
        print(*seen, sep="\\n")
        """,
    )

    bare, instrumented = bare_and_instrumented(tmp_path)

    assert "imported.py" in bare.stdout
    assert (instrumented.stdout, instrumented.stderr) == (bare.stdout, "")


TESTS = """
import pytest
from helper import check

@pytest.fixture
def number(): return 3

def test_fine(number): assert number == 3

def test_fails(number):
    other = 4
    assert number == other, "said so"

def test_helper_fails(): check([1, 2], [1, 3])

@pytest.mark.parametrize("x", [1, 2])
def test_parameters(x): assert x
"""
HELPER = """
def check(a, b):
    assert a == b
"""
PLUGIN = """
import pykcov

def pytest_configure(config):
    config.hook_of_imports = pykcov.instrument_imports(["test_*", "helper"])

def pytest_sessionfinish(session):
    print(sorted(session.config.hook_of_imports.modules))
"""


@pytest.mark.parametrize("mode", ["prepend", "importlib"])
@pytest.mark.parametrize("moment", ["first", "late"])
def test_pytest_rewrites_assertions_and_its_modules_are_instrumented(tmp_path: Path, mode: str, moment: str) -> None:
    (tmp_path / "test_example.py").write_text(TESTS)
    (tmp_path / "helper.py").write_text("import pytest\n" + HELPER)
    (tmp_path / "conftest.py").write_text("import pytest\npytest.register_assert_rewrite('helper')\n")
    (tmp_path / "plugin_of_test.py").write_text(PLUGIN)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    # first: the hook is there before pytest is imported.
    start = "import sys, pytest\n" if moment == "late" else "import pykcov\nh = pykcov.instrument_imports(['test_*'])\n"
    (tmp_path / "start.py").write_text(start + "import sys, pytest\nsys.exit(pytest.main(sys.argv[1:]))\n")
    arguments = ["-q", "-p", "no:cacheprovider", f"--import-mode={mode}", "test_example.py"]

    def output(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command, *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path), "COLUMNS": "100", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1, done.stdout + done.stderr
        return done.stdout.rpartition(" in ")[0]

    bare = output("-m", "pytest")
    instrumented = output("start.py", "-p", "plugin_of_test")
    again = output("start.py", "-p", "plugin_of_test")

    assert "assert 3 == 4" in bare
    assert "At index 1 diff: 2 != 3" in bare
    assert instrumented == again
    assert "['helper', 'test_example']\n" in instrumented
    assert instrumented.replace("['helper', 'test_example']\n", "") == bare


def test_module_that_cannot_be_rewritten_is_named_and_runs(tmp_path: Path) -> None:
    write(tmp_path, unlucky="x = 7\n")

    printed = run(
        tmp_path,
        """
        from pykcov.instrument import imports
        pykcov.instrument_imports(["unlucky"])
        def fail(*args, **keywords): raise RuntimeError("no room")
        imports.instrument_code = fail
        import unlucky
        print(unlucky.x, [tuple(skip) for skip in pykcov.skipped() if skip.name == "unlucky"])
        """,
    )

    assert printed == "7 [('unlucky', 'RuntimeError: no room')]\n"


def test_threads_importing_at_once(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"m{number}.py").write_text(f"import m{(number + 1) % 40}\ndef f(): return {number}\n")

    printed = run(
        tmp_path,
        """
        import importlib, threading
        pykcov.instrument_imports(["m*"])
        def work(first):
            for number in range(40): importlib.import_module(f"m{(first + number) % 40}")
        threads = [threading.Thread(target=work, args=(first,)) for first in (0, 11, 23, 37)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        values = [sys.modules[f"m{number}"].f() for number in range(40)]
        print(values == list(range(40)), len([hit for hit in hits() if hit[1] == "f"]))
        """,
    )

    assert printed == "True 40\n"


def test_importing_records_nothing_of_pykcovs_own_doing(tmp_path: Path) -> None:
    write(tmp_path, target="import os.path\nx = 1\n")

    printed = run(
        tmp_path,
        """
        device.disable()
        pykcov.instrument_all()
        hook = pykcov.instrument_imports(["target"])
        device.enable(pykcov.TRACE_UNIQUE_PC)
        import target
        device.disable()
        found = {hit.module for hit in pykcov.symbolize(buffer.pcs())}
        print(sorted(found))
        """,
    )
    modules = set(eval(printed))

    # What importing runs without pykcov too; _distutils_hack is a finder that setuptools installs.
    importing = {"importlib._bootstrap", "importlib._bootstrap_external", "zipimport", "codecs", "_distutils_hack"}
    assert modules - importing == {"target"}


@pytest.mark.parametrize("keyword", ["include", "exclude"])
def test_lone_string_is_refused(tmp_path: Path, keyword: str) -> None:
    printed = run(tmp_path, f"try: pykcov.instrument_imports({keyword}='json')\nexcept TypeError as e: print(e)\n")

    assert printed == f"{keyword}='json': expected several, as in {keyword}=['json']\n"
