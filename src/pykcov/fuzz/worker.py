"""What the process that fuzzes does: it runs the harness, whose Fuzz() does the rest."""

import os
import sys
from typing import NoReturn

import pykcov.atheris
from pykcov.fuzz import _engine, campaign, exits, harness, instrumentation, targets
from pykcov.fuzz.settings import Settings
from pykcov.fuzz.stacks import report_of, write_error
from pykcov.program.forgetting import forget_our_imports


def main(text: str, modules_that_stay: frozenset[str]) -> NoReturn:
    """Run the harness that settings describe; it imports others than `modules_that_stay` afresh. Ends the process."""
    settings = Settings.loads(text)
    for descriptor in (settings.dump, settings.statistics):
        if descriptor is not None:
            os.set_inheritable(descriptor, False)
    if settings.parent is not None:
        _engine.end_with(settings.parent)
    forget_our_imports(modules_that_stay)
    sys.modules["atheris"] = pykcov.atheris

    def run(declared: harness.Harness, settings: Settings) -> NoReturn:
        if settings.loaded is not None:
            from pykcov.fuzz import loaded  # not before: most processes fuzz

            loaded.serve(declared, settings, run)
        if settings.reach is not None:
            from pykcov.fuzz import reaching  # not before: see above

            reaching.serve(declared, settings)
        if settings.candidates is not None:
            from pykcov.fuzz import candidates  # not before: see above

            candidates.serve(declared, settings)
        if settings.measure is not None:
            from pykcov.fuzz import corpus  # not before: see above

            corpus.serve(declared, settings)
        campaign.run(declared, settings)

    if settings.candidates is not None or settings.measure is not None:
        instrumentation.granularity = "arc" if settings.places else "block"
    if settings.measure is not None and settings.places:
        from pykcov.fuzz import corpus  # not before: see above

        corpus.note_importing()
    harness.set_runner(lambda declared: run(declared, settings))
    try:
        targets.run(settings)
    except harness.HarnessError as error:
        write_error(f"pykcov: {settings.harness}: {error}\n")
        sys.exit(2)
    except Exception as error:
        write_error(f"{report_of(error)}pykcov: {settings.harness} failed before it fuzzed\n")
        sys.exit(exits.FAILED)
