"""`python -m pykcov` is `pykcov`."""

import gc


def main() -> None:
    """Run the command line and end the process with its exit code."""
    # A command lives briefly and imports much, of which a tenth of the time would go into looking for cycles.
    gc.set_threshold(100_000, 20, 20)
    # Not before: it imports much itself.
    from pykcov.cli import main

    main()


if __name__ == "__main__":
    main()
