"""What a packaged target does first: `import atheris` gives pykcov's, and the environment may ask for other work."""

import os
import sys

import pykcov.atheris
from pykcov.fuzz import harness, instrumentation
from pykcov.fuzz.settings import VARIABLE, Settings
from pykcov.program.forgetting import forget_our_imports

FILL = "fill"
"""As the value of VARIABLE: run as ever, and put probed code into the cache of the package (`pykcov package`)."""


def begin(modules_that_stay: frozenset[str]) -> None:
    """Do what the environment asks for. Called before the harness, which imports other modules afresh."""
    forget_our_imports(modules_that_stay)
    sys.modules["atheris"] = pykcov.atheris
    asked = os.environ.pop(VARIABLE, None)
    if asked == FILL:
        sys.dont_write_bytecode = False  # which PyInstaller has set
    elif asked is not None:
        _measure(Settings.loads(asked))


def _measure(settings: Settings) -> None:
    # Not before: targets are there to fuzz.
    from pykcov.fuzz import corpus

    instrumentation.granularity = "arc" if settings.places else "block"
    if settings.places:
        corpus.note_importing()
    harness.set_runner(lambda declared: corpus.serve(declared, settings))
