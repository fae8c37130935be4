"""Command lines by click: options of several types, a group of commands."""

import sys

import atheris

with atheris.instrument_imports(include=["click"]):
    import click


@click.group()
@click.option("--level", type=click.IntRange(0, 3))
@click.option("-v", "--verbose", count=True)
def tool(level, verbose):
    pass


@tool.command()
@click.argument("source")
@click.option("--mode", type=click.Choice(["fast", "safe"]))
@click.option("--ratio", type=float)
def copy(source, mode, ratio):
    pass


@tool.command()
@click.argument("names", nargs=-1)
def show(names):
    pass


@atheris.instrument_func
def TestOneInput(data):
    words = data.decode("latin-1").split(" ")
    try:
        tool.main(words, prog_name="tool", standalone_mode=False)
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        return


atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
