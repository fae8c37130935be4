"""Arguments that several subcommands have."""

import click

DEFAULT_FILE = "pykcov.npz"

trace_file = click.argument("file", default=DEFAULT_FILE, type=click.Path())
