"""A text that a regular expression matches."""

from collections.abc import Iterable
from re import _parser  # type: ignore[attr-defined]
from typing import Any, TypeVar

Text = TypeVar("Text", str, bytes)

# Tried in this order for classes that are given by what is not in them.
_CANDIDATES: list[int] = [*range(ord("a"), ord("z") + 1), *range(0x20, 0x7F), *range(0x80, 0x100)]

_CATEGORIES = {
    "CATEGORY_DIGIT": "0",
    "CATEGORY_NOT_DIGIT": "a",
    "CATEGORY_SPACE": " ",
    "CATEGORY_NOT_SPACE": "a",
    "CATEGORY_WORD": "a",
    "CATEGORY_NOT_WORD": " ",
}

_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")


def example_of(pattern: Text) -> Text:
    """Return a text that probably matches: lookarounds and conditions are taken as they come, repeats at their least.

    Raises re.error for what is no pattern.
    """
    characters = _Example().of(_parser.parse(pattern))
    if isinstance(pattern, bytes):
        return bytes(character & 0xFF for character in characters)
    return "".join(map(chr, characters))


class _Example:
    def __init__(self) -> None:
        self._groups: dict[int, list[int]] = {}

    def of(self, operations: Iterable[tuple[Any, Any]]) -> list[int]:
        characters: list[int] = []
        for operation, argument in operations:
            characters += self._one(str(operation), argument)
        return characters

    def _one(self, operation: str, argument: Any) -> list[int]:
        if operation == "LITERAL":
            return [int(argument)]
        if operation == "NOT_LITERAL":
            return [next(character for character in _CANDIDATES if character != argument)]
        if operation == "ANY":
            return [ord("a")]
        if operation == "IN":
            return [_member(argument)]
        if operation == "BRANCH":
            return self.of(argument[1][0])
        if operation == "SUBPATTERN":
            characters = self.of(argument[-1])
            self._groups[argument[0]] = characters
            return characters
        if operation in _REPEATS:
            return self.of(argument[2]) * int(argument[0])
        if operation == "GROUPREF":
            return self._groups.get(argument, [])
        if operation == "ATOMIC_GROUP":
            return self.of(argument)
        if operation == "ASSERT" and argument[0] > 0:
            return self.of(argument[1])
        return []


def _member(members: list[tuple[Any, Any]]) -> int:
    kinds = [str(kind) for kind, _ in members]
    if kinds[0] != "NEGATE":
        kind, argument = kinds[0], members[0][1]
        if kind == "CATEGORY":
            return ord(_CATEGORIES[str(argument)])
        return int(argument[0] if kind == "RANGE" else argument)
    return int(next(character for character in _CANDIDATES if not _is_in(character, members[1:])))


def _is_in(character: int, members: list[tuple[Any, Any]]) -> bool:
    for kind, argument in members:
        name = str(kind)
        if name == "LITERAL" and character == argument:
            return True
        if name == "RANGE" and argument[0] <= character <= argument[1]:
            return True
        if name == "CATEGORY" and _in_category(character, str(argument)):
            return True
    return False


def _in_category(character: int, category: str) -> bool:
    text = chr(character)
    inside = {
        "DIGIT": text.isdigit(),
        "SPACE": text.isspace(),
        "WORD": text.isalnum() or text == "_",
    }[category.rpartition("_")[2]]
    return inside != ("NOT" in category)
