"""The package itself: its names, of which none is loaded before one is asked for."""

import subprocess
import sys
from pathlib import Path

import pykcov
from pykcov import _public


def run(source: str) -> str:
    return subprocess.run([sys.executable, "-c", source], check=True, capture_output=True, text=True).stdout


def test_every_public_name_is_defined_and_listed() -> None:
    assert {name for name in vars(_public) if name.isidentifier() and name[0] != "_"} == set(pykcov.__all__)
    assert all(getattr(pykcov, name) is vars(_public)[name] for name in pykcov.__all__)
    assert set(pykcov.__all__) <= set(dir(pykcov))


def test_the_command_line_loads_no_public_name() -> None:
    commands = "import sys, pykcov.cli, pykcov.cli.fuzz, pykcov.fuzz.supervisor, pykcov.fuzz.worker"
    assert run(f"{commands}\nprint('pykcov._public' in sys.modules)") == "False\n"


def test_the_core_is_there_as_soon_as_the_package_is() -> None:
    assert (
        run("import sys, pykcov\nprint('pykcov._core' in sys.modules, 'pykcov.device' in sys.modules)")
        == "True False\n"
    )


def test_the_function_instrument_is_not_hidden_by_the_package_of_its_name() -> None:
    source = "import pykcov.instrument.code\nprint(pykcov.instrument.__name__, type(pykcov.instrument).__name__)"
    assert run(f"{source}\npykcov.open\n{source}") == "instrument function\n" * 2


def test_parts_of_the_package_are_attributes_without_an_import_of_their_own() -> None:
    assert (
        run("import pykcov\nprint(pykcov.remote.__name__, pykcov.traces.records.__name__)")
        == "pykcov.remote pykcov.traces.records\n"
    )


def test_a_name_that_does_not_exist_is_an_error_as_of_any_module() -> None:
    source = """
import pykcov
for attempt in range(2):
    try:
        pykcov.nothing
    except AttributeError as error:
        print(error, error.name)
try:
    from pykcov import nothing
except ImportError as error:
    print(error.name)
print(hasattr(pykcov, "__wrapped__"))
"""
    missing = "module 'pykcov' has no attribute 'nothing' nothing\n"
    assert run(source) == missing * 2 + "pykcov\nFalse\n"


def test_star_imports_every_public_name() -> None:
    source = "from pykcov import *\nimport pykcov\nprint(set(pykcov.__all__) <= set(globals()))"
    assert run(source) == "True\n"


def test_forks_while_names_are_loaded_find_them() -> None:
    source = """
import os, threading, pykcov
thread = threading.Thread(target=lambda: pykcov.open)
thread.start()
child = os.fork()
if child == 0:
    os._exit(pykcov.open.__name__ != "open")
thread.join()
print(os.waitpid(child, 0)[1])
"""
    assert all(run(source) == "0\n" for _ in range(20))


def test_names_that_could_not_be_loaded_are_loaded_later(tmp_path: Path) -> None:
    source = """
import sys, pykcov
sys.modules["pykcov.device"] = None
try:
    pykcov.open
except ImportError as error:
    print(type(error).__name__)
del sys.modules["pykcov.device"]
print(pykcov.open.__name__)
"""
    assert run(source) == "ModuleNotFoundError\nopen\n"
