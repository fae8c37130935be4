"""What Hypothesis imports of pykcov: the name of the backend, and a profile that chooses it. The rest is in
pykcov.contrib.hypothesis.

It stands beside the package, as to import something in a package is to import the package, for which tests that use
another backend have no use.
"""

import importlib
import os
from typing import Any


def register() -> None:
    """Make `settings(backend="pykcov")` and `--hypothesis-profile pykcov` known. Hypothesis calls it (entry point)."""
    try:
        # Not before: Hypothesis is being imported.
        from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS
    except ImportError:
        return  # a Hypothesis without backends: it says itself that it knows none of this name
    from hypothesis import settings

    AVAILABLE_PROVIDERS["pykcov"] = "pykcov.contrib.hypothesis.provider.Provider"
    settings.register_profile("pykcov", backend="pykcov")
    _observe()
    _keep_out()


def _observe() -> None:
    """Have the lines of observability files come from pykcov, which is imported when the first one is written."""
    try:
        # No names that Hypothesis promises: without them it goes on tracing lines itself.
        core: Any = importlib.import_module("hypothesis.core")
        enabled = importlib.import_module("hypothesis.internal.observability").observability_enabled
        state = core.StateForActualGivenExecution
        traces = state._should_trace
        is_as_known = callable(core.Tracer) and callable(core.make_testcase)
    except (ImportError, AttributeError):
        return

    def should_trace(self: Any) -> Any:
        if enabled() and is_as_known:
            importlib.import_module("pykcov.contrib.hypothesis.observing").install(core, traces)
        return traces(self)  # the first one, too, whose tracer is made already

    state._should_trace = should_trace


def _keep_out() -> None:
    """Have Hypothesis draw no constants of pykcov's modules, which are local ones in an editable install."""
    package = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pykcov", "")
    if f"{os.sep}site-packages{os.sep}" in package:
        return  # it knows
    try:
        # No name that Hypothesis promises, either.
        providers: Any = importlib.import_module("hypothesis.internal.conjecture.providers")
        is_local = providers.is_local_module_file
    except (ImportError, AttributeError):
        return
    providers.is_local_module_file = lambda path: not path.startswith(package) and is_local(path)
