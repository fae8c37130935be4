"""What Hypothesis imports of pykcov: the name of the backend, and a profile that chooses it. The rest is in
pykcov.contrib.hypothesis.

It stands beside the package, as to import something in a package is to import the package, for which tests that use
another backend have no use.
"""


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
