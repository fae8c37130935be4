"""A program under `pykcov run` does what it does under a bare Python: output, tracebacks, exit status, to the byte."""

from collections.abc import Callable
from pathlib import Path

import pytest
from running import Run, assert_same

ENDINGS = {
    "it ends": "print('done')",
    "exit without a code": "import sys; sys.exit()",
    "exit None": "import sys; sys.exit(None)",
    "exit 0": "import sys; sys.exit(0)",
    "exit 3": "import sys; sys.exit(3)",
    "exit 300": "import sys; sys.exit(300)",
    "exit -1": "import sys; sys.exit(-1)",
    "exit 2**70": "import sys; sys.exit(2**70)",
    "exit True": "import sys; sys.exit(True)",
    "exit with words": "import sys; sys.exit('words')",
    "exit with a float": "import sys; sys.exit(2.5)",
    "exit with a tuple": "import sys; sys.exit((1, 2))",
    "exit with an object that cannot be shown": "class A:\n    def __str__(self): 1/0\nraise SystemExit(A())",
    "exit of a subclass": "class Stop(SystemExit): pass\nraise Stop(7)",
    "exit in a function": "def f():\n    raise SystemExit(4)\nf()",
    "exit without cleaning up": "import os; os._exit(5)",
    "an exception": "def f():\n    g()\ndef g():\n    raise ValueError('wrong')\nf()",
    "an exception with a cause": "try:\n    1/0\nexcept ZeroDivisionError as e:\n    raise KeyError('x') from e",
    "an exception in an exception": "try:\n    1/0\nexcept ZeroDivisionError:\n    undefined",
    "a group of exceptions": "raise ExceptionGroup('all', [ValueError(1), TypeError(2)])",
    "an exception with notes": "e = ValueError('x')\ne.add_note('note')\nraise e",
    "an exception that cannot be shown": "class E(Exception):\n    def __str__(self): 1/0\nraise E",
    "an exception that is re-raised": "try:\n    1/0\nexcept Exception as e:\n    raise e",
    "GeneratorExit": "raise GeneratorExit",
    "a missing module": "import nosuchmodule",
    "too deep a recursion": "def f(n):\n    return f(n + 1)\nf(0)",
    "too deep a recursion with a limit of its own": "import sys\nsys.setrecursionlimit(500)\ndef f():\n    f()\nf()",
    "invalid syntax": "def f(:\n    pass",
    "invalid indentation": "if 1:\n  x\n   y",
    "invalid escapes, which warn": "print('\\d')",
    "KeyboardInterrupt raised": "raise KeyboardInterrupt",
    "interrupted": "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nfor i in range(10**7): pass",
    "killed": "import os, signal\nprint('x', flush=True)\nos.kill(os.getpid(), signal.SIGKILL)",
    "terminated": "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)",
    "terminated, which it handles": (
        "import os, signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(9))\nos.kill(os.getpid(), 15)"
    ),
    "hung up": "import os, signal\nos.kill(os.getpid(), signal.SIGHUP)",
    "a broken pipe as a signal": "import os, signal\nsignal.signal(13, signal.SIG_DFL)\nos.kill(os.getpid(), 13)",
    "aborted": "import os, resource\nresource.setrlimit(resource.RLIMIT_CORE, (0, 0))\nos.abort()",
    "crashed": ("import ctypes, resource\nresource.setrlimit(resource.RLIMIT_CORE, (0, 0))\nctypes.string_at(0)"),
    "atexit": "import atexit\natexit.register(print, 'last words')\nprint('first')\n1/0",
    "an exception in atexit": "import atexit\n@atexit.register\ndef f():\n    1/0\nprint('first')",
    "exit in atexit": "import atexit, sys\natexit.register(sys.exit, 3)",
    "an excepthook": "import sys\nsys.excepthook = lambda *a: print('hook', a[0], a[2].tb_lineno, a[2].tb_next)\n1/0",
    "an excepthook that fails": "import sys\ndef hook(*a):\n    undefined\nsys.excepthook = hook\n1/0",
    "an excepthook that exits": "import sys\nsys.excepthook = lambda *a: sys.exit(8)\n1/0",
    "no excepthook": "import sys\ndel sys.excepthook\n1/0",
    "last traceback at exit": (
        "import atexit, sys, traceback\n"
        "atexit.register(lambda: traceback.print_tb(sys.last_traceback, file=sys.stdout))\n"
        "atexit.register(lambda: print(sys.excepthook is sys.__excepthook__))\n1/0"
    ),
    "a thread that outlives the main thread": (
        "import threading, time\ndef f():\n    time.sleep(0.2)\n    print('late')\nthreading.Thread(target=f).start()\n"
        "print('main')"
    ),
    "a daemon thread that is left behind": (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\nprint('main')"
    ),
    "an exception in a thread": (
        "import threading\ndef f():\n    1/0\nt = threading.Thread(target=f, name='T')\nt.start()\nt.join()"
    ),
    "exit in a thread": "import sys, threading\nt = threading.Thread(target=sys.exit, args=(3,))\nt.start()\nt.join()",
    "an exception that nobody can catch": "class A:\n    def __del__(self): 1/0\na = A()\ndel a",
    "unflushed output": "import sys\nsys.stdout.write('no newline')",
    "closed output": "import sys\nsys.stdout.close()",
    "binary output": "import sys\nsys.stdout.buffer.write(b'a\\r\\nb')",
    "sys.exit in a finaliser": "import sys\nclass A:\n    def __del__(self): sys.exit(1)\nA()",
}

SURROUNDINGS = {
    "arguments and paths": "import sys\nprint(sys.argv, sys.path, sys.flags)",
    "the original command": "import sys\nprint(sys.orig_argv[1:])",
    "names of the main module": "print(sorted((k, str(v)) for k, v in globals().items() if 'Loader' not in str(v)))",
    "loader of the main module": "print(type(__loader__), __loader__.name, __loader__.path)",
    "outermost frame": "import sys, traceback\nprint(sys._getframe().f_back)\ntraceback.print_stack()",
    "frames of a function": "import inspect\ndef f():\n    print([s.function for s in inspect.stack()])\nf()",
    "too high a stacklevel": "import warnings\ndef f():\n    warnings.warn('old', stacklevel=3)\nf()",
    "faulthandler": "import faulthandler, sys\ndef f():\n    faulthandler.dump_traceback(sys.stdout.fileno())\nf()",
    "recursion limit": "import sys\nprint(sys.getrecursionlimit())",
    "hooks": "import sys\nprint(sys.excepthook, sys.unraisablehook, sys.gettrace(), sys.getprofile())",
    "signals": (
        "import signal\nprint([(int(s), signal.getsignal(s)) for s in signal.valid_signals()])\n"
        "print(signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    ),
    "threads": "import threading, sys\nprint(threading.enumerate()[0].name, threading.active_count())",
    "standard input": "import sys\nprint(sys.stdin.read(), sys.stdin.isatty())",
    "lowest descriptor": "import os\nprint(os.open('/dev/null', 0))",
    "environment": "import os\nprint(sorted(set(os.environ) - {'PYTEST_CURRENT_TEST'}))",
    "builtins": "import builtins\nprint(sorted(vars(builtins)), __builtins__ is builtins)",
    "exec and import": "print(exec, __import__)\nimport importlib\nprint(importlib.__spec__.loader)",
    "warnings": "import warnings\nprint(warnings.filters)\nwarnings.warn('w')\nwarnings.warn('d', DeprecationWarning)",
    "process": "import os\nprint(os.getpgrp() == os.getpid(), os.getcwd(), os.nice(0), os.umask(0o22))",
    "import of the main script": "import main\nprint(main is __import__('__main__'))\nimport other\nprint(other)",
}


@pytest.mark.parametrize("text", ENDINGS.values(), ids=ENDINGS)
def test_a_program_ends_as_it_does_without_pykcov(
    bare: Run, pykcov: Run, write: Callable[..., Path], text: str
) -> None:
    write("main.py", text)
    assert_same(bare, pykcov, "main.py")


@pytest.mark.parametrize("text", SURROUNDINGS.values(), ids=SURROUNDINGS)
def test_a_program_finds_what_it_finds_without_pykcov(
    bare: Run, pykcov: Run, write: Callable[..., Path], text: str
) -> None:
    write("main.py", "if __name__ == '__main__':\n    pass\n" + text)
    write("other.py", "")
    assert_same(bare, pykcov, "main.py", "-x", "--nmemb", "a b", input="some\ninput")
