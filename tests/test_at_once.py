"""What several threads do at the same moment, of which only a build without a GIL has much."""

import subprocess
import sys
import textwrap
import threading
from collections import Counter
from operator import invert as hit  # what `~probe` in bytecode does
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from at_once import THREADS, at_once

import pykcov
from pykcov import _core, _view
from pykcov.fuzz._provider import FuzzedDataProvider
from pykcov.instrument.alive import IS_FREE_THREADED
from pykcov.instrument.code import instrument_code
from pykcov.once.log import Log

NO_MODULES = ("_libfuzzer", "_mutator", "_memory", "_stacks", "_crossover")


def run(code: str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.skipif(not IS_FREE_THREADED, reason="only a free-threaded build can be without a GIL")
def test_no_module_of_ours_brings_the_gil_back() -> None:
    names = [
        ".".join(path.relative_to(Path(pykcov.__file__).parents[1]).parts).partition(".cpython")[0]
        for path in Path(pykcov.__file__).parent.rglob("*.cpython-*.so")
    ]
    # Others are loaded by their path.
    modules = [name for name in names if name.rpartition(".")[2] not in NO_MODULES]
    code = "import sys\nfrom importlib import import_module\n"
    code += f"for name in {modules}: import_module(name)\nprint(sys._is_gil_enabled())"
    assert len(modules) >= 8
    assert run(code, "-W", "error", "-X", "gil=0") == run(code, "-W", "error") == "False\n"


def test_threads_that_share_a_provider_get_each_byte_once() -> None:
    data = bytes(range(256)) * 300
    provider = FuzzedDataProvider(data)

    def consume(number: int) -> Counter[int]:
        taken: Counter[int] = Counter()
        while part := provider.ConsumeBytes(1 + number):
            taken.update(part)
        return taken

    assert sum(at_once(consume), Counter()) == Counter(data)
    assert provider.remaining_bytes() == 0

    def take_everything(number: int) -> int:
        taken = 0
        while provider.remaining_bytes():
            provider.ConsumeUnicode(3)
            provider.ConsumeInt(4)
            provider.ConsumeIntInRange(0, 255)
            provider.ConsumeFloat()
            provider.ConsumeBool()
            taken += 1
            if taken % 50 == 0 and number == 0:
                provider.__init__(data[:5000])  # type: ignore[misc]
                if taken == 500:
                    return taken
        return taken

    assert at_once(take_everything)[0] <= 500


def test_logs_that_threads_open_and_close_at_once_are_their_own() -> None:
    probes = _core.probes(list(range(1 << 63, (1 << 63) + 64)))

    def open_and_close(number: int) -> None:
        own = probes[number :: 2 * THREADS]
        for _ in range(100):
            log = Log()
            for probe in own:
                hit(probe)
            found = set(log.first_hits())
            assert {probe.pc for probe in own} <= found <= {probe.pc for probe in probes}
            log.close()

    at_once(open_and_close)
    log = Log()
    hit(probes[0])
    assert list(log.first_hits()) == [probes[0].pc]  # probes still come to logs,
    log.close()
    number = _core.once_open(bytearray(24 * 10))  # and all that were open are closed
    _core.once_close(number)
    assert number == 0


def test_functions_interception_of_which_threads_ask_for_at_once_lead_to_the_original_ones() -> None:
    """One that was mistaken for the original would call itself for ever."""
    program = """
        import gc, signal, threading
        from pykcov import _core
        barrier = threading.Barrier(16)
        def intercept():
            barrier.wait()
            _core.intercept_collect()
            _core.intercept_signals()
        threads = [threading.Thread(target=intercept) for _ in range(16)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        seen = []
        signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
        signal.raise_signal(signal.SIGUSR1)
        print(gc.collect() >= 0, seen == [signal.SIGUSR1])
    """
    for _ in range(3):
        assert run(program) == "True True\n"


def test_threads_that_read_the_bytecode_of_the_same_code_see_the_same() -> None:
    source = "".join(f"def f{number}(x):\n    return [y for y in x if y == {number}]\n" for number in range(100))
    original = compile(source, "many.py", "exec")
    probed = instrument_code(original, "at_once.many", compare=True)
    pairs = list(zip(original.co_consts, _view.constants(probed), strict=False))[:100]

    def read(number: int) -> list[bytes]:
        namespace = {"__name__": "x" * 100, "probed": [after for _, after in pairs]}
        return eval("[code.co_code for code in probed]", namespace)  # type: ignore[no-any-return]

    for codes in at_once(read):
        assert codes == [before.co_code for before, _ in pairs]


def test_who_reads_bytecode_while_its_module_gets_another_name_is_not_harmed() -> None:
    probed = instrument_code(compile("a == 1", "named.py", "exec"), "at_once.named", compare=True)
    shown = probed.co_code
    namespace: dict[str, Any] = {"__name__": "named", "probed": probed}
    exec("def read():\n    for _ in range(3000):\n        probed.co_code\n    return probed.co_code", namespace)

    def work(number: int) -> bytes | None:
        if number:
            return namespace["read"]()  # type: ignore[no-any-return]
        for i in range(20000):
            namespace["__name__"] = f"named {i} {number}"
        return None

    assert at_once(work)[1:] == [shown] * (THREADS - 1)


def module_of(source: str, name: str) -> Any:
    module = ModuleType(name)
    exec(compile(textwrap.dedent(source), f"{name}.py", "exec"), module.__dict__)
    return module


def test_functions_get_probes_and_lose_them_while_threads_call_them() -> None:
    module = module_of(
        """
        def depth(n):
            if n == 0:
                return 0
            return 1 + depth(n - 1)

        def joined(n):
            def one(x):
                return x if x != "3" else "three"
            return "".join(one(str(i)) for i in range(n))
        """,
        "at_once_exchanged",
    )
    expected = module.depth(60), module.joined(12)
    done = threading.Event()
    calls = [0] * THREADS

    def work(number: int) -> None:
        if number == 0:
            try:
                for _ in range(5 if IS_FREE_THREADED else 3):
                    pykcov.instrument(module, granularity="line")
                    log = Log()
                    before = calls[1]
                    while calls[1] < before + 40:
                        for _ in range(20):
                            module.depth(60)
                    log.close()
                    with pykcov.trace("unique", include=[module.__name__], follow=True):
                        module.depth(5)
            finally:
                done.set()
            return
        while not done.is_set():
            assert (module.depth(60), module.joined(12)) == expected
            calls[number] += 1

    at_once(work)


def test_contents_that_other_threads_change_are_compared_all_the_same() -> None:
    module = module_of(
        """
        def search(numbers, words, names, members):
            found = 0
            for i in range(4000):
                found += i in numbers
                found += "7" in words
                found += names.get("7", 0) == 7
                found += i in members
            return found

        def change(numbers, words, names, members):
            for i in range(4000):
                numbers.append(i)
                words[str(i % 20)] = i
                names[str(i % 20)] = i
                members.add(i % 20)
                if i % 20 == 19:
                    numbers.clear()
                    words.clear()
                    names.clear()
                    members.clear()
        """,
        "at_once_contents",
    )
    pykcov.instrument(module, compare=True)
    shared: tuple[Any, ...] = ([], {}, {}, set())

    def work(number: int) -> None:
        if number % 2:
            module.change(*shared)
            return
        with pykcov.open() as device:
            device.set_buffer_size(100_000)
            device.enable(pykcov.TRACE_CMP | pykcov.CMP_BYTES)
            module.search(*shared)
            device.disable()

    at_once(work)


@pytest.mark.skipif(
    IS_FREE_THREADED and sys.version_info < (3, 14), reason="without a GIL, 3.13 itself reads bytearrays that are gone"
)
def test_a_bytearray_that_another_thread_resizes_is_compared_all_the_same() -> None:
    module = module_of(
        """
        def search(data):
            return sum(data == b"some bytes" * (i % 9) for i in range(6000))

        def change(data):
            for i in range(6000):
                data += b"some bytes"
                if i % 9 == 0:
                    data.clear()
        """,
        "at_once_bytearray",
    )
    pykcov.instrument(module, compare=True)
    data = bytearray()

    def work(number: int) -> None:
        if number % 2:
            module.change(data)
            return
        with pykcov.open() as device:
            device.set_buffer_size(100_000)
            device.enable(pykcov.TRACE_CMP | pykcov.CMP_BYTES)
            module.search(data)
            device.disable()

    at_once(work)
