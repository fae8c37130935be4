"""Atheris's hooks for functions that compare out of sight of bytecode: `atheris.enabled_hooks.add("RegEx")`.

'str' is always on here: calls of startswith(), endswith() and the like are observed by probes. 'RegEx' gives libFuzzer,
for each pattern that is compiled, a text that the pattern matches.
"""

from collections.abc import Callable
from typing import Any

from pykcov.fuzz.matching import example_of

_KNOWN = ("regex", "str")


class EnabledHooks:
    """The hooks that are on."""

    def __init__(self) -> None:
        """Begin with none."""
        self._names: set[str] = set()
        self.words: list[bytes] = []
        """What patterns match: to be given to libFuzzer."""

    def add(self, hook: str) -> None:
        """Turn on a hook by name, in any case. One that is not known is not looked at, as in Atheris."""
        name = hook.lower()
        if name not in _KNOWN or name in self._names:
            return
        self._names.add(name)
        if name == "regex":
            self._hook_patterns()

    def __contains__(self, hook: str) -> bool:
        """Return whether the hook is on."""
        return hook.lower() in self._names

    def _hook_patterns(self) -> None:
        import re  # that of the program: see forget_our_imports()

        # What re.compile(), re.search() and all the others call. Patterns stay what they are.
        compile_pattern: Callable[..., Any] = re._compile  # type: ignore[attr-defined]
        seen: set[object] = set()

        def note_pattern(pattern: Any, flags: Any) -> Any:
            compiled = compile_pattern(pattern, flags)
            if type(pattern) in (str, bytes) and pattern not in seen:
                seen.add(pattern)
                self._note(pattern)
            return compiled

        re._compile = note_pattern  # type: ignore[attr-defined]

    def _note(self, pattern: str | bytes) -> None:
        example = gen_match(pattern)
        word = example.encode("utf-8", "surrogatepass") if isinstance(example, str) else example
        if 3 <= len(word) <= 64:
            self.words.append(word)


def gen_match(pattern: Any) -> Any:
    """Return a text that a pattern matches, of the type of the pattern; '' where none was found."""
    # Not before: few harnesses ask for examples.
    import re

    try:
        example = example_of(pattern)
        return example if re.search(pattern, example) else type(pattern)()
    except (re.error, ValueError, RecursionError, OverflowError):
        return type(pattern)()


enabled_hooks = EnabledHooks()
