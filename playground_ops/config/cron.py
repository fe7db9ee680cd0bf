"""Cron schedules, as far as anybody needs them here: five fields of numbers. Pure."""

from __future__ import annotations

import re

_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 28), ("month", 1, 12), ("weekday", 0, 6))
"""Not the 29th and after, which some months have not."""
_PART = re.compile(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?")


def schedule(value: str) -> str:
    """Raises ValueError(expected) in words."""
    fields = value.split()
    if len(fields) != len(_FIELDS):
        raise ValueError("a cron schedule of five fields, such as `0 3 * * *`")
    for text, (name, lowest, highest) in zip(fields, _FIELDS, strict=True):
        if not all(_fits(part, lowest, highest) for part in text.split(",")):
            raise ValueError(
                f"a cron schedule whose {name} is of {lowest} to {highest}, `*`, `a-b`, `*/n` or a list"
            )
    return " ".join(fields)


def _fits(part: str, lowest: int, highest: int) -> bool:
    found = _PART.fullmatch(part)
    if found is None:
        return False
    first, last, step = (int(one) if one else None for one in found.groups())
    if step is not None and (step == 0 or (first is not None and last is None)):
        return False
    return lowest <= (lowest if first is None else first) <= (highest if last is None else last) <= highest
