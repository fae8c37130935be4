"""The registry: which pc a place gets, and what a pc stands for."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import CodeType

import numpy as np
import pytest

from pykcov._core import Probe
from pykcov.traces import locations, registered
from pykcov.traces.locations import Location, add_listener, probe, register, remove_listener, symbolize
from pykcov.traces.registered import Site
from pykcov.warnings import PykcovWarning

EXAMPLE = """
def example(x):
    if x:
        return 1
    return 2
"""


def example(name: str = "example", file: str = "example.py") -> CodeType:
    namespace: dict[str, object] = {}
    exec(compile(EXAMPLE.replace("example", name), file, "exec"), namespace)
    return namespace[name].__code__  # type: ignore[attr-defined, no-any-return]


def sites(*offsets: int) -> list[Site]:
    return [
        (offset, 3 + row, 4 + row, row, -1, (3 + row, 10 + row), 0, 0, (), ()) for row, offset in enumerate(offsets)
    ]


@pytest.fixture
def listener() -> Iterator[list[list[Location]]]:
    heard: list[list[Location]] = []
    add_listener(heard.append)
    yield heard
    remove_listener(heard.append)


def test_location_says_what_the_rewriter_said_of_the_site() -> None:
    first, second = register(example(), "says", sites(2, 7))

    assert symbolize([second.pc, first.pc]) == [
        Location(second.pc, "example.py", 4, 5, 1, -1, "example", "says", (4, 11)),
        Location(first.pc, "example.py", 3, 4, 0, -1, "example", "says", (3, 10)),
    ]


def test_site_without_lines_has_none() -> None:
    made = register(
        example(),
        "without",
        [(1, 0, 0, -1, -1, (), 0, 0, (), ()), (2, 5, 5, 1, 2, (5,), 0, 0, (), ()), (3, 0, 0, -1, -1, (), 0, 0, (), ())],
    )

    assert [location.lines for location in symbolize([one.pc for one in made])] == [(), (5,), ()]


def test_pc_has_the_top_bit_and_the_offset() -> None:
    made = register(example(), "bits", sites(2, 65535))

    assert [one.pc & 0xFFFF for one in made] == [2, 65535]
    assert all(one.pc >> 63 == 1 for one in made)
    assert len({one.pc >> 16 for one in made}) == 1


def test_pcs_are_those_of_another_process() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from test_locations import *; "
        "print([one.pc for one in register(example(file='/elsewhere/example.py'), 'stable', sites(2, 7))])"
    )
    here = [one.pc for one in register(example(), "stable", sites(2, 7))]

    there = subprocess.run(
        [sys.executable, "-c", program, os.path.dirname(__file__)], capture_output=True, text=True, check=True
    )

    assert there.stdout == f"{here}\n"


@pytest.mark.parametrize(
    ("code", "module"),
    [(example("another"), "differs"), (example(), "differs.else"), (example().replace(co_firstlineno=99), "differs")],
)
def test_other_name_module_or_line_gives_other_pcs(code: CodeType, module: str) -> None:
    (one,) = register(example(), "differs", sites(2))
    (other,) = register(code, module, sites(2))

    assert one.pc != other.pc


def test_same_code_registered_again_has_the_same_probes() -> None:
    first = register(example(), "again", sites(2, 7))
    again = register(example(), "again", sites(2, 7))

    assert all(one is other for one, other in zip(first, again, strict=True))


def test_same_code_in_another_file_has_pcs_and_a_location_of_its_own() -> None:
    (one,) = register(example(file="one.py"), "copied", sites(2))
    (other,) = register(example(file="other.py"), "copied", sites(2))

    assert [location.file for location in symbolize([one.pc, other.pc])] == ["one.py", "other.py"]
    assert register(example(file="other.py"), "copied", sites(2))[0] is other


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The salts that were tried."""
    tried: list[int] = []
    base = registered.Hasher.base

    def counting(self: registered.Hasher, segment: int, salt: int) -> int:
        tried.append(salt)
        return base(self, segment, salt)

    monkeypatch.setattr(registered.Hasher, "base", counting)
    return tried


def test_each_copy_of_code_costs_the_same_however_many_there_are(hashed: list[int]) -> None:
    made = [register(example(file=f"{number}.py"), "copies", sites(2, 7)) for number in range(200)]
    assert len(hashed) < 3 * 200
    again = [register(example(file=f"{number}.py"), "copies", sites(2, 7)) for number in reversed(range(200))]
    assert len(hashed) < 5 * 200
    assert all(one is other for one, other in zip(made, reversed(again), strict=True))
    assert len({one.pc for probes in made for one in probes}) == 400


def test_each_choice_of_sites_costs_the_same_however_many_there_are(hashed: list[int]) -> None:
    made = [register(example(), "choices", sites(*range(number + 1))) for number in range(100)]
    assert len(hashed) < 3 * 100
    assert [register(example(), "choices", sites(*range(number + 1))) for number in range(100)] == made


def test_copies_of_long_code_cost_the_same(hashed: list[int]) -> None:
    for _ in range(2):
        for number in range(50):
            register(example(file=f"{number}.py"), "long copies", sites(3, 65536, 131072 + 3))
    assert len(hashed) < 3 * 5 * 50


def test_copies_in_files_and_at_granularities_have_pcs_of_their_own(hashed: list[int]) -> None:
    chosen = [(f"{number % 10}.py", number // 10) for number in range(50)]
    made = [register(example(file=file), "both", sites(*range(many + 1))) for file, many in chosen]
    assert len({probes[0].pc for probes in made}) == 50
    assert [symbolize([probes[0].pc])[0].file for probes in made] == [file for file, _ in chosen]
    assert len(hashed) < 3 * 50


def test_copies_of_code_that_collides_keep_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locations, "_codes", {})
    monkeypatch.setattr(locations, "_copies", {})
    monkeypatch.setattr(registered, "_CODE_MASK", 31)
    # Fourteen hashes of 32: some meet, whatever the bytecode of this Python.
    codes = [example(f"meets{number % 14}", f"{number // 14}.py") for number in range(28)]
    with pytest.warns(PykcovWarning, match="have the same hash"):
        made = [register(code, "meeting", sites(2))[0] for code in codes]
    assert len({one.pc for one in made}) == 28
    assert [register(code, "meeting", sites(2))[0] for code in codes] == made
    found = symbolize([one.pc for one in made])
    assert [(location.function, location.file) for location in found] == [
        (code.co_qualname, code.co_filename) for code in codes
    ]


def test_same_code_at_another_granularity_keeps_exact_lines() -> None:
    (block,) = register(example(), "finer", [(2, 3, 3, 0, 1, (3, 4), 0, 0, (), ())])
    line, _ = register(example(), "finer", [(2, 3, 3, 0, 1, (3,), 0, 0, (), ()), (5, 4, 4, 0, 1, (4,), 0, 0, (), ())])

    assert [location.lines for location in symbolize([block.pc, line.pc])] == [(3, 4), (3,)]


def test_code_of_more_than_65536_units_has_a_pc_for_each_site() -> None:
    made = register(example(), "long", sites(3, 65535, 65536, 65539, 131072 + 3))

    assert len({one.pc for one in made}) == 5
    assert [location.line for location in symbolize([one.pc for one in made])] == [3, 4, 5, 6, 7]


def test_collision_is_told_and_both_keep_their_locations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locations, "_codes", {})
    monkeypatch.setattr(registered, "_CODE_MASK", 7)
    codes = [example(f"collides{number}") for number in range(5)]

    with pytest.warns(PykcovWarning, match=r"collides\d and .*collides\d have the same hash"):
        made = [register(code, "collision", sites(2))[0] for code in codes]

    assert len({one.pc for one in made}) == 5
    names = [location.function for location in symbolize([one.pc for one in made])]
    assert names == [code.co_qualname for code in codes]
    assert [register(code, "collision", sites(2))[0] for code in codes] == made


def test_unknown_pc_says_so() -> None:
    unknown, native, not_even = symbolize([1 << 63 | 12345, 0x7F0012345678, -1])

    assert not unknown.known
    assert unknown == (1 << 63 | 12345, "", 0, 0, -1, -1, "", "", (), "", (), ())
    assert str(unknown) == "unknown pc 0x8000000000003039"
    assert not native.known
    assert not not_even.known


def test_known_code_but_unknown_offset_says_so() -> None:
    one, _ = register(example(), "between", sites(2, 9))

    assert [location.known for location in symbolize([one.pc, one.pc - 1, one.pc + 1, one.pc + 8])] == [
        True,
        False,
        False,
        False,
    ]


def test_symbolize_takes_arrays_of_numpy() -> None:
    made = register(example(), "numpy", sites(2, 7))
    pcs = np.array([one.pc for one in made] * 3, np.uint64)

    found = symbolize(pcs)

    assert [location.pc for location in found] == pcs.tolist()
    assert all(type(location.pc) is int for location in found)


@pytest.mark.parametrize("pcs", [["text"], [1.5], [None], np.zeros((2, 2), np.uint64)])
def test_symbolize_refuses_what_is_no_integer(pcs: list[int]) -> None:
    with pytest.raises(TypeError):
        symbolize(pcs)


def test_location_reads_as_file_line_function() -> None:
    (one,) = register(example(), "reads", sites(2))

    assert str(symbolize([one.pc])[0]) == "example.py:3 example"


def test_listener_hears_what_exists_and_then_what_comes() -> None:
    listener: list[list[Location]] = []
    (before,) = register(example("before"), "heard", sites(2))
    add_listener(listener.append)
    heard_before = [location for batch in listener for location in batch]
    del listener[:]
    after = register(example("after"), "heard", sites(2, 3))
    register(example("after"), "heard", sites(2, 3))
    remove_listener(listener.append)
    register(example("unheard"), "heard", sites(2, 3))

    assert symbolize([before.pc])[0] in heard_before
    assert listener == [symbolize([one.pc for one in after])]


def test_failing_listener_is_told_and_registration_goes_on() -> None:
    def fail(batch: list[Location]) -> None:
        raise ValueError("broken pipe")

    register(example(), "before failing", sites(2))
    with pytest.warns(PykcovWarning, match="broken pipe"):
        add_listener(fail)
    with pytest.warns(PykcovWarning, match="broken pipe"):
        made = register(example(), "failing", sites(2))
    remove_listener(fail)

    assert symbolize([made[0].pc])[0].known


def test_probe_of_a_known_pc_is_the_one_in_the_code() -> None:
    (one,) = register(example(), "pickled", sites(2))

    assert probe(one.pc) is one
    function, arguments = one.__reduce__()
    assert function(*arguments) is one


def test_probe_of_an_unknown_pc_is_new_then_taken_when_its_code_comes() -> None:
    (pc,) = _pcs_elsewhere("stranger")
    stranger = probe(pc)

    assert isinstance(stranger, Probe)
    assert stranger.pc == pc
    assert probe(pc) is stranger
    assert not symbolize([pc])[0].known
    assert register(example(), "stranger", sites(2))[0] is stranger
    assert symbolize([pc])[0].function == "example"


def _pcs_elsewhere(module: str) -> list[int]:
    known = dict(locations._codes)
    pcs = [one.pc for one in register(example(), module, sites(2))]
    locations._codes.clear()
    locations._codes.update(known)
    return pcs


def test_threads_that_register_the_same_code_get_the_same_probes() -> None:
    codes = [example(f"threads{number}") for number in range(200)]
    barrier = threading.Barrier(4)
    results: list[list[Probe]] = []

    def work() -> None:
        barrier.wait()
        results.append([register(code, "threads", sites(2))[0] for code in codes])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(result == results[0] for result in results)
    assert len({one.pc for one in results[0]}) == 200


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_child_of_a_fork_can_register_though_another_thread_held_the_lock() -> None:
    held = threading.Event()
    release = threading.Event()

    def hold() -> None:
        with locations._lock:
            held.set()
            release.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if not child:
        register(example("forked"), "forked", sites(2))
        os._exit(7)
    release.set()
    thread.join()

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
