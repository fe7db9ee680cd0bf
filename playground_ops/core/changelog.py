"""What is new between two versions, from the text of CHANGELOG.md."""

import re
from collections.abc import Mapping
from typing import NamedTuple

HEADING = re.compile(r"^## +(?P<version>\d+\.\d+\.\d+)\b.*$", re.MULTILINE)


class Number(NamedTuple):
    major: int
    minor: int
    patch: int


def number(version: str) -> Number:
    """Return what versions are compared by; anything after the third number does not count."""
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    return Number(*map(int, found.groups())) if found else Number(0, 0, 0)


def sections(text: str) -> Mapping[str, str]:
    """Return the text of each version, the newest first; nothing of what has no version yet."""
    found = list(HEADING.finditer(text))
    ends = [*(one.start() for one in found[1:]), len(text)]
    return {one["version"]: text[one.end() : end].strip() for one, end in zip(found, ends, strict=False)}


def between(text: str, before: str, now: str) -> Mapping[str, str]:
    """Return the sections of the versions after `before`, up to `now`."""
    return {
        version: told
        for version, told in sections(text).items()
        if number(before) < number(version) <= number(now)
    }
