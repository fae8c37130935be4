"""Which modules a selection chooses."""

import os
import site
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from pykcov.instrument.selection import Selection, module_name, namespace_of

STDLIB = os.path.dirname(os.__file__)
INSTALLED = site.getsitepackages()[0]


def names(selection: Selection, *modules: str) -> list[str]:
    return [module for module in modules if selection.matches(module, "/nowhere/file.py")]


@pytest.mark.parametrize(
    ("include", "exclude", "chosen"),
    [
        (["json"], [], ["json", "json.decoder"]),
        (["json.*"], [], ["json", "json.decoder"]),
        (["json.decoder"], [], ["json.decoder"]),
        (["js*"], [], ["json", "json.decoder", "jsonschema"]),
        (["*.decoder"], [], ["json.decoder"]),
        (["json?*"], [], ["json.decoder", "jsonschema"]),
        (["[jx]son"], [], ["json", "json.decoder"]),
        (["json", "os"], [], ["json", "json.decoder", "os"]),
        (["json"], ["json.decoder"], ["json"]),
        (["*"], ["json"], ["jsonschema", "os"]),
        (["*"], ["json?*"], ["json", "os"]),
        (["*"], ["*"], []),
        ([], ["json"], ["jsonschema", "os"]),
    ],
)
def test_names_are_chosen_by_patterns(include: list[str], exclude: list[str], chosen: list[str]) -> None:
    selection = Selection(include, exclude, own=False)

    assert names(selection, "json", "json.decoder", "jsonschema", "os") == chosen


def test_pykcov_is_never_chosen() -> None:
    assert names(Selection(["*"], own=False), "pykcov", "pykcov.traces.locations", "pykcov_plugin") == ["pykcov_plugin"]


def test_own_code_is_what_lies_below_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    selection = Selection()

    assert selection.matches("a", f"{tmp_path}/a.py")
    assert selection.matches("p.a", f"{tmp_path}/p/a.py")
    assert selection.matches("b", "relative.py")
    assert not selection.matches("a", f"{tmp_path}-sibling/a.py")
    assert not selection.matches("json", f"{STDLIB}/json/__init__.py")
    assert not selection.matches("pytest", f"{INSTALLED}/pytest/__init__.py")
    assert not selection.matches("generated", "<string>")


@pytest.mark.parametrize("folder", ["lib/python3.11/site-packages", "lib/python3/dist-packages"])
def test_installed_packages_below_the_current_folder_are_not_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.chdir(tmp_path)

    assert not Selection().matches("p", f"{tmp_path}/.venv/{folder}/p.py")


def test_virtual_environment_below_the_current_folder_is_not_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "prefix", f"{tmp_path}/environment")

    assert not Selection().matches("tool", f"{tmp_path}/environment/bin/tool")
    assert Selection().matches("tool", f"{tmp_path}/bin/tool")


@pytest.mark.parametrize("folder", [STDLIB, INSTALLED])
def test_working_inside_an_installation_does_not_make_it_own(monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    monkeypatch.chdir(folder)

    assert not Selection().matches("m", f"{folder}/m.py")


def test_source_is_chosen_instead_of_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("a", "b"):
        Path(folder).mkdir()
    selection = Selection(source=["a", tmp_path / "b"])

    assert selection.matches("m", f"{tmp_path}/a/m.py")
    assert selection.matches("m", f"{tmp_path}/b/m.py")
    assert not selection.matches("m", f"{tmp_path}/m.py")


def test_source_inside_installed_packages_is_meant() -> None:
    selection = Selection(source=[f"{INSTALLED}/pytest"])

    assert selection.matches("pytest", f"{INSTALLED}/pytest/__init__.py")
    assert not selection.matches("_pytest", f"{INSTALLED}/_pytest/__init__.py")


def test_source_through_a_link_is_found_by_either_path(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "m.py").touch()
    for source in ("real", "link"):
        for path in ("real", "link"):
            assert Selection(source=[tmp_path / source]).matches("m", f"{tmp_path}/{path}/m.py")


def test_names_and_places_both_count_where_both_are_given(tmp_path: Path) -> None:
    selection = Selection(["a.*"], source=[tmp_path])

    assert selection.matches("a.b", f"{tmp_path}/a/b.py")
    assert not selection.matches("c", f"{tmp_path}/c.py")
    assert not selection.matches("a.b", "/elsewhere/a/b.py")


def test_stdlib_adds_the_standard_library_frozen_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    selection = Selection(stdlib=True)

    assert selection.matches("json", f"{STDLIB}/json/__init__.py")
    assert selection.matches("os", "<frozen os>")
    assert selection.matches("own", f"{tmp_path}/own.py")
    assert not selection.matches("pytest", f"{STDLIB}/site-packages/pytest.py")
    assert not selection.matches("pytest", f"{INSTALLED}/pytest/__init__.py")
    assert not selection.matches("mine", "<frozen mine>")


def test_stdlib_with_names_is_only_those_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    selection = Selection(["json.*"], stdlib=True)

    assert selection.matches("json.decoder", f"{STDLIB}/json/decoder.py")
    assert not selection.matches("re", f"{STDLIB}/re/__init__.py")


def test_unmatched_patterns_are_those_that_matched_nothing_chosen(tmp_path: Path) -> None:
    selection = Selection(["json", "jsno", "here.*"], source=[tmp_path])
    assert selection.unmatched() == ["json", "jsno", "here.*"]
    selection.matches("json", "/elsewhere/json.py")
    selection.matches("here.below", f"{tmp_path}/here/below.py")

    assert selection.unmatched() == ["json", "jsno"]


@pytest.mark.parametrize("argument", ["include", "exclude", "source"])
def test_lone_string_is_refused(argument: str) -> None:
    with pytest.raises(TypeError, match=rf"{argument}='json': expected several, as in {argument}=\['json'\]"):
        Selection(**{argument: "json"})  # type: ignore[arg-type]


@pytest.mark.parametrize("argument", ["include", "exclude", "source"])
def test_what_is_no_string_is_refused(argument: str) -> None:
    with pytest.raises(TypeError, match="which is not a string"):
        Selection(**{argument: [1]})  # type: ignore[arg-type]


def test_source_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no-such"):
        Selection(source=[tmp_path / "no-such"])


def test_says_in_words_what_is_chosen(tmp_path: Path) -> None:
    assert str(Selection(["a", "b.*"])) == "modules a, b.*"
    assert str(Selection(source=[tmp_path], stdlib=True)) == f"files below {tmp_path} and the standard library"
    assert str(Selection(own=False)) == "all modules"


OWN_OF_MAIN = """
import sys
from pykcov.instrument.selection import Selection
print([Selection().matches(*pair.split(":")) for pair in sys.argv[1:]])
"""


def test_folder_of_the_main_script_is_own(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "work").mkdir()
    script = tmp_path / "scripts" / "main.py"
    script.write_text(OWN_OF_MAIN)
    pairs = [f"helper:{tmp_path}/scripts/helper.py", f"m:{tmp_path}/m.py"]

    done = subprocess.run(
        [sys.executable, script, *pairs], cwd=tmp_path / "work", capture_output=True, text=True, check=True
    )

    assert done.stdout == "[True, False]\n"


def test_whole_top_level_package_of_the_main_module_is_own(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "package" / "inner").mkdir(parents=True)
    (tmp_path / "package" / "inner" / "tool.py").write_text(OWN_OF_MAIN)
    pairs = [f"package.m:{tmp_path}/package/m.py", f"m:{tmp_path}/m.py"]

    done = subprocess.run(
        [sys.executable, "-m", "package.inner.tool", *pairs],
        cwd=tmp_path / "work",
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "[True, False]\n"


@pytest.mark.parametrize(("arguments", "is_own"), [("", True), ("source=['/tmp']", False)])
def test_program_without_a_file_is_own(arguments: str, is_own: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OWN_OF_MAIN.replace("()", f"({arguments})"), "__main__:<string>", "m:<string>"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == f"[{is_own}, False]\n"


def test_module_name_is_the_real_one_of_what_runs_as_main() -> None:
    assert module_name({"__name__": "m"}) == "m"
    assert module_name({"__name__": "__main__", "__spec__": None}) == "__main__"
    assert module_name({"__name__": "__main__", "__spec__": pytest.__spec__}) == "pytest"
    assert module_name({}) == ""
    assert module_name({"__name__": 3}) == ""


def test_namespace_of_asks_nothing_of_the_program() -> None:
    class Loud(ModuleType):
        def __getattribute__(self, name: str) -> object:
            raise AssertionError(name)

    module = Loud("loud")

    assert namespace_of(module)["__name__"] == "loud"
