"""The facts about CPython versions are true of the Python that runs the tests; others are refused."""

import dis
import sys
from types import CodeType
from typing import Any

import pytest
from rewriting import silent

from pykcov.instrument import versions
from pykcov.instrument.rewrite import UnsupportedPythonError, rewrite


def names(code: CodeType) -> list[str]:
    return [instruction.opname for instruction in dis.get_instructions(code)]


def trace(source: str) -> list[str]:
    space: dict[str, Any] = {}
    exec(source, space)
    code = space["f"].__code__
    at = {instruction.offset: instruction.opname for instruction in dis.get_instructions(code)}
    run = []

    def tracer(frame: Any, event: str, _argument: object) -> Any:
        if frame.f_code is not code:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            run.append(at[frame.f_lasti])
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        space["f"]()
    finally:
        sys.settrace(before)
    return run


@pytest.mark.parametrize("name", versions.FACTS)
def test_each_fact_about_this_version_is_proved(name: str) -> None:
    exec(versions.FACTS[name].proof, {"value": versions.fact(name), "names": names, "trace": trace})


@pytest.mark.parametrize("name", versions.FACTS)
def test_each_fact_is_known_for_each_version(name: str) -> None:
    assert set(versions.FACTS[name].values) == set(versions.MAGIC_NUMBERS.values())


def test_the_version_found_is_the_one_that_runs() -> None:
    assert sys.version_info[:2] == versions.VERSION


def test_an_unknown_python_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "VERSION", None)
    with pytest.raises(UnsupportedPythonError, match=rf"{sys.version_info.major}\.{sys.version_info.minor}.*3\.11, 3"):
        rewrite(compile("", "", "exec"), silent)


def test_an_unknown_granularity_is_refused() -> None:
    with pytest.raises(ValueError, match="'statement'"):
        rewrite(compile("", "", "exec"), silent, granularity="statement")  # type: ignore[arg-type]


def test_a_wrong_number_of_probes_is_refused() -> None:
    with pytest.raises(ValueError, match="3 probes for the 1 sites of <module>"):
        rewrite(compile("", "", "exec"), lambda code, sites: [1, 2, 3])
