"""Arguments that several subcommands have."""

import os

import click

DEFAULT_FILE = "pykcov.npz"

trace_file = click.argument("file", default=DEFAULT_FILE, type=click.Path())


def _default_data_file() -> str:
    return os.environ.get("COVERAGE_FILE") or ".coverage"


data_file = click.option(
    "--data",
    metavar="FILE",
    default=_default_data_file,
    help="The data file of `pytest --pykcov`.  [default: $COVERAGE_FILE, else .coverage]",
)

rcfile = click.option(
    "--rcfile",
    "config_file",
    metavar="FILE",
    help="The configuration of coverage.py to follow; '' is none.  [default: $COVERAGE_RCFILE, else .coveragerc, "
    "setup.cfg, tox.ini or pyproject.toml]",
)
