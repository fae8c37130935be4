"""Native code finds the core, in whatever order things are loaded, and does without it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from compiling import compile_shared

from pykcov.native import build
from pykcov.native.images import Image, parse_log

SOURCE = """
__attribute__((visibility("default"))) int twice(int a) { if (a > 3) return 2 * a; return a + a; }
"""
CALL = """
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
assert library.twice(5) == 10
"""
TRACE = """
import pykcov
with pykcov.open() as device:
    device.set_buffer_size(100)
    buffer = device.mmap()
    device.enable()
    library.twice(5)
    device.disable()
    print(buffer.count)
"""


def run(script: str, *arguments: object, **environment: str) -> str:
    """Run a script in a Python of its own; what it says on stderr is a failure."""
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


LINKING = {
    "plain": [],
    "bound at once": ["-Wl,-z,now", "-Wl,-z,relro"],
    "lazily bound": ["-Wl,-z,lazy"],
    "symbolic": ["-Wl,-Bsymbolic"],
    "hidden by a version script": ["-Wl,--version-script={folder}/version"],
    "collected": ["-ffunction-sections", "-Wl,--gc-sections"],
    "optimised at link time": ["-flto"],
    "no unresolved symbols": ["-Wl,-z,defs"],
    "without plt": ["-fno-plt"],
    "not optimised": ["-O0"],
    "stripped": ["-s"],
    "without build-id": ["-Wl,--build-id=none"],
}


@pytest.fixture(params=LINKING)
def library(request: pytest.FixtureRequest, tmp_path: Path, compiler: str) -> Path:
    if request.param == "optimised at link time" and compiler != "gcc":
        pytest.skip("needs the linker of LLVM")
    (tmp_path / "version").write_text("{ global: twice; local: *; };")
    options = [option.format(folder=tmp_path) for option in LINKING[request.param]]
    return compile_shared(tmp_path, SOURCE, compiler=compiler, options=["-O2", *options])


def test_it_loads_and_runs_without_pykcov_and_says_nothing(library: Path) -> None:
    assert run(CALL, library) == ""


def test_it_is_recorded_if_pykcov_was_imported_before(library: Path) -> None:
    assert int(run("import pykcov" + CALL + TRACE, library)) > 0


def test_it_is_recorded_if_pykcov_is_imported_after_it_has_run(library: Path) -> None:
    assert int(run(CALL + TRACE, library)) > 0


def test_two_objects_of_which_one_is_global_are_both_recorded(tmp_path: Path) -> None:
    first = compile_shared(tmp_path, SOURCE, name="first")
    second = compile_shared(tmp_path, SOURCE, name="second")
    script = f"import ctypes\nctypes.CDLL({str(first)!r}, ctypes.RTLD_GLOBAL).twice(5)" + CALL + TRACE
    assert int(run(script, second)) > 0


def test_flags_for_linking_may_be_given_twice(tmp_path: Path) -> None:
    library = compile_shared(tmp_path, SOURCE, options=["-O2", *build.flags(["gcc"]).link])
    assert int(run(CALL + TRACE, library)) > 0


PRELOADED = """
unsigned long events;
void __sanitizer_cov_trace_pc(void) { events++; }
"""
OWNER = """
from pykcov import _core
path, own = _core.callbacks_owner()
print(own, path)
"""


def test_an_object_without_slots_finds_the_core_by_name(tmp_path: Path) -> None:
    bare = compile_shared(tmp_path, SOURCE, flags=["-fsanitize-coverage=trace-pc,trace-cmp"])
    assert int(run("import pykcov" + CALL + TRACE, bare)) > 0


def test_the_core_owns_the_names_unless_something_else_is_preloaded(tmp_path: Path) -> None:
    from pykcov import _core

    assert run(OWNER) == f"True {_core.__file__}\n"
    other = compile_shared(tmp_path, PRELOADED, name="other", flags=[])
    assert run(OWNER, LD_PRELOAD=str(other)) == f"False {other}\n"


def test_objects_built_for_pykcov_are_recorded_even_if_something_else_owns_the_names(tmp_path: Path) -> None:
    other = compile_shared(tmp_path, PRELOADED, name="other", flags=[])
    library = compile_shared(tmp_path, SOURCE)
    assert int(run(CALL + TRACE, library, LD_PRELOAD=str(other))) > 0


LOG = """
import ctypes, os, sys
from pykcov import _core
from pykcov.native.images import images, read_log
descriptor = _core.share_image_log()
def names():
    return [image.path for image in read_log(descriptor)]
ctypes.CDLL(sys.argv[1])
assert sys.argv[1] in names()
child = os.fork()
if child == 0:
    ctypes.CDLL(sys.argv[2])
    seen = [image.path for image in images()]
    os._exit(0 if sys.argv[1] in seen and sys.argv[2] in seen else 1)
_, status = os.waitpid(child, 0)
assert status == 0, "the child knows what was loaded before and after the fork"
assert sys.argv[2] not in names(), "the log of the parent is the parent's"
try:
    _core.share_image_log()
except OSError as error:
    print(error.errno)
"""


def test_the_log_of_images_belongs_to_one_process(tmp_path: Path) -> None:
    first = compile_shared(tmp_path, SOURCE, name="first")
    second = compile_shared(tmp_path, SOURCE, name="a name\\with\nall sorts")
    assert run(LOG, first, second) == "16\n"


LOAD_AND_UNLOAD = """
import ctypes, faulthandler, os, sys, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of os.fork() beside threads
import pykcov
from pykcov.native.images import images
faulthandler.dump_traceback_later(100, exit=True)
close = ctypes.CDLL(None).dlclose
close.argtypes = [ctypes.c_void_p]
kept = ctypes.CDLL(sys.argv[1])
def work(path):
    for _ in range(100):
        library = ctypes.CDLL(path)
        library.twice(3)
        close(library._handle)
threads = [threading.Thread(target=work, args=[path]) for path in sys.argv[1:]]
for thread in threads:
    thread.start()
while any(thread.is_alive() for thread in threads):
    seen = images()
    child = os.fork()
    if child == 0:
        # it loads nothing: the C library refuses that to a child forked while another thread loads
        kept.twice(3)
        os._exit(len(images()) < len(seen))
    assert os.waitpid(child, 0)[1] == 0
close(kept._handle)
seen = images()
for path in sys.argv[1:]:
    of_path = [image.loaded for image in seen if image.path == path]
    assert of_path and not any(of_path), path
"""


def test_loading_unloading_looking_and_forking_at_once_is_safe(tmp_path: Path) -> None:
    paths = [compile_shared(tmp_path, SOURCE, name=f"library{number}") for number in range(4)]
    assert run(LOAD_AND_UNLOAD, *paths) == ""


@pytest.mark.parametrize("text", [b"", b"nonsense", b"+ 1 2", b"+ x y z - - /a\n- 0\n- 77\n- x", b"\0" * 100])
def test_a_spoilt_log_of_images_is_read_as_far_as_it_goes(text: bytes) -> None:
    assert parse_log(text + b"\n+ 10 20 0 i abcd /some path\n") == [Image("/some path", "abcd", 16, 32, 0, True, True)]


LIFE = """
#include <stdio.h>
#include <stdint.h>
#include <string.h>
static int work(const char *a, int b) { return strlen(a) > 3 ? b : b == 2; }
__attribute__((constructor)) static void begin(void) { work("begin", 1); }
__attribute__((destructor)) static void end(void) { printf("end %d\\n", work("end of all", 3)); fflush(stdout); }
int twice(int a) { return 2 * a; }
"""


@pytest.mark.parametrize("mode", ["TRACE_PC", "TRACE_CMP", "TRACE_UNIQUE_PC"])
def test_code_that_runs_before_python_begins_and_after_it_ended_does_no_harm(tmp_path: Path, mode: str) -> None:
    library = compile_shared(tmp_path, LIFE)
    script = (
        CALL
        + f"""
import pykcov
device = pykcov.open()
device.set_buffer_size(100)
device.enable(pykcov.{mode})
"""
    )
    assert run(script, library) == "end 3\n"
    assert run(script, library, LD_PRELOAD=str(library)) == "end 3\n"
