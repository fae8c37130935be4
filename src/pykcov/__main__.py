"""`python -m pykcov` is `pykcov`."""

from pykcov.cli import main

if __name__ == "__main__":
    main()
