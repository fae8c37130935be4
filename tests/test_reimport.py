"""pykcov is dropped from sys.modules, as some test tools do, and imported again: there is one of it in a process."""

import subprocess
import sys

import pytest

PRELUDE = """
import gc, importlib, sys, threading
import pykcov

@pykcov.instrument
def old(x):
    return x + 1

def purge(names=lambda name: name.partition(".")[0] == "pykcov"):
    for name in [name for name in sys.modules if names(name)]:
        del sys.modules[name]

def count(package, function):
    with package.open() as device:
        device.set_buffer_size(100)
        buffer = device.mmap()
        device.enable(package.TRACE_PC)
        function(1)
        device.disable()
        return buffer.count

def check(package):
    @package.instrument
    def new(x):
        return x + 1

    assert min(count(package, old), count(package, new)) > 0
"""

CASES = {
    "everything": """
purge()
import pykcov as again
check(again)
assert again is pykcov
""",
    "twice": """
for _ in range(2):
    purge()
    check(importlib.import_module("pykcov"))
""",
    "the first one is forgotten": """
purge()
del pykcov
gc.collect()
check(importlib.import_module("pykcov"))
gc.collect()
check(importlib.import_module("pykcov"))
""",
    "the package alone": """
purge(lambda name: name == "pykcov")
check(importlib.import_module("pykcov"))
""",
    "the core alone": """
purge(lambda name: name == "pykcov._core")
core = importlib.import_module("pykcov._core")
assert core.Probe is pykcov._core.Probe
check(pykcov)
purge()
check(importlib.import_module("pykcov"))
""",
    "a part is asked for first": """
purge()
remote = importlib.import_module("pykcov.remote")
again = importlib.import_module("pykcov")
assert again.remote is remote
with again.group() as group:
    assert remote.current_group() == pykcov.current_group() == group
check(again)
""",
    "while a device traces": """
device = pykcov.open()
device.set_buffer_size(100)
device.enable()
purge()
import pykcov as again
old(1)
device.disable()
assert device.mmap().count == 1
device.close()
check(again)
try:
    with again.open() as device:
        device.mmap()
except pykcov.KcovError as error:
    assert isinstance(error, again.KcovError)
else:
    raise AssertionError
""",
    "while a trace follows and a hook is open": """
hook = pykcov.instrument_imports(include=["colorsys"])
with pykcov.trace(follow=True, include=["__main__"]) as trace:
    purge()
    import pykcov as again
    thread = threading.Thread(target=old, args=[1])
    thread.start()
    thread.join()
assert {location.function for location in trace.locations()} >= {"old"}
import colorsys
assert "colorsys" in hook.modules
check(again)
""",
    "before a public name was asked for": """
check(pykcov)
""",
    "in another thread": """
purge()
packages = []
thread = threading.Thread(target=lambda: packages.append(importlib.import_module("pykcov")))
thread.start()
thread.join()
check(packages[0])
""",
}


@pytest.mark.parametrize("case", CASES)
def test_the_second_import_gives_what_the_first_one_gave(case: str) -> None:
    early = "import sys, pykcov; del sys.modules['pykcov'], sys.modules['pykcov._core']\n" if "before" in case else ""
    program = early + PRELUDE + CASES[case]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
