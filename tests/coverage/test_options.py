"""Every option of coverage.py is followed, or it is known and documented why not."""

import re
from pathlib import Path

from coverage import Coverage

from pykcov.coverage.options import FOLLOWED, NOT_FOLLOWED

DOCUMENT = (Path(__file__).parents[2] / "docs" / "coverage.md").read_text()


def options_of_coverage() -> set[str]:
    specifications = Coverage(config_file=False).config.CONFIG_FILE_OPTIONS
    return {where for _, where, *_ in specifications if not where.endswith(":_crash")} | {"paths"}


def test_no_option_of_the_installed_coverage_is_forgotten() -> None:
    assert options_of_coverage() - FOLLOWED - NOT_FOLLOWED.keys() == set()
    assert FOLLOWED.isdisjoint(NOT_FOLLOWED)


def test_every_option_is_documented() -> None:
    documented = set(re.findall(r"`\[(\w+)\] ?(\w*)`", DOCUMENT))
    names = [name.partition(":")[::2] for name in FOLLOWED | NOT_FOLLOWED.keys()]
    assert [name for name in names if name not in documented] == []


def test_what_is_not_followed_is_documented_as_such() -> None:
    for name in NOT_FOLLOWED:
        section, _, option = name.partition(":")
        [row] = [line for line in DOCUMENT.splitlines() if f"`[{section}] {option}`" in line]
        assert "not followed" in row, row
