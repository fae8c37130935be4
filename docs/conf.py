"""The documentation site: `make docs` builds it, with every warning an error and without the network."""

import ast
import re
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import click

import pykcov
from pykcov import cli

project = "pykcov"
copyright = "the authors of pykcov"
release = installed_version("pykcov")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
# index.rst includes it: GitHub shows it for the folder.
exclude_patterns = ["README.md"]
myst_heading_anchors = 4

# Docstrings are plain text for help(): `name` is code in them.
default_role = "literal"
smartquotes = False
linkcheck_ignore = [r"data:", r"http://127\.0\.0\.1", r"https://github\.com/pykcov/pykcov/(blob|edit)/main/docs/"]
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_class_signature = "separated"
autodoc_default_options = {"members": True}
python_use_unqualified_type_names = True
maximum_signature_line_length = 88

html_theme = "furo"
html_title = f"pykcov {release}"
html_theme_options = {
    "source_repository": "https://github.com/pykcov/pykcov/",
    "source_branch": "main",
    "source_directory": "docs/",
}


def _signatures_of_the_core() -> dict[str, tuple[str, str]]:
    """Arguments and result of each function and method of the C core, as its stub has them."""
    stub = ast.parse(Path(pykcov.__file__).with_name("_core.pyi").read_text())
    classes = [node for node in stub.body if isinstance(node, ast.ClassDef)]
    functions = [("", node) for node in stub.body]
    functions += [(f"{each.name}.", node) for each in classes for node in each.body]
    found = {}
    for prefix, node in functions:
        if isinstance(node, ast.FunctionDef):
            arguments = re.sub(r"^(self|cls)(, /$)?(, )?", "", ast.unparse(node.args))
            found[prefix + node.name] = f"({arguments})", ast.unparse(node.returns) if node.returns else ""
    return found


_CORE = _signatures_of_the_core()


def _type_the_core(app: object, what: str, name: str, obj: object, *unused: object) -> tuple[str, str] | None:
    """C functions tell the names of their arguments at most."""
    if what not in ("function", "method") or hasattr(obj, "__code__"):
        return None
    words = name.split(".")
    return _CORE.get(".".join(words[-2:] if what == "method" else words[-1:]))


def _link_pages(app: object, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Docstrings name pages as files of docs/."""
    lines[:] = [re.sub(r"\bdocs/([\w-]+)\.md", r":doc:`/\1`", line) for line in lines]


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", _link_pages)
    commands = click.Context(cli.pykcov)
    for name in cli.pykcov.list_commands(commands):
        found = cli.pykcov.get_command(commands, name)
        assert found is not None
        found.name = name  # the page would call all of them by the name of their function
    app.connect("autodoc-process-signature", _type_the_core)
