"""A comparison of assets as lines of plain text, for a terminal and for a page alike. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from playground_ops.core.model import shortened
from playground_ops.core.produced import ROWS, Number, Produced
from playground_ops.engine.compare_assets import Alone, AssetComparison
from playground_ops.engine.produced import CheckPair, NumberPair, Row

Line = tuple[str, str, str, str, str]
"""Asset, what, before, after, difference. The asset is empty where it is that of the line before."""
LONGEST_WHOLE = 15
"""Digits of a whole number that is written out."""


def columns(found: AssetComparison) -> Line:
    return "asset", "what", found.before.location, found.after.location, "difference"


def lines(found: AssetComparison) -> Iterator[Line]:
    """Yield the lines: the worst asset first, then those that one side alone has made."""
    for row in found.assets:
        yield from _of_row(row)
    for one in found.alone:
        yield _of_alone(found, one)


def _of_row(row: Row) -> Iterator[Line]:
    differs = "alike" if row.kind == "alike" else f"differs: {row.kind}"
    yield row.key, "made", _made(row.before), _made(row.after), differs
    for check in row.checks:
        before, after = (_state(check, side) for side in (0, 1))
        yield "", f"check {check.name}", before, after, "differs" if check.differs else ""
    for column in row.columns:
        yield "", f"column {column.name}", column.before or "-", column.after or "-", column.change
    if row.before.partition != row.after.partition:
        before, after = (one.partition or "-" for one in (row.before, row.after))
        yield "", "partition", before, after, "its numbers are not compared"
    for number in (*row.numbers, row.seconds):
        if number.before is not None or number.after is not None:
            label = "rows" if number.label == ROWS else number.label
            yield "", label, shown(number.before), shown(number.after), difference(number)


def _of_alone(found: AssetComparison, one: Alone) -> Line:
    lacking = "never made" if one.is_defined_by_other else "not defined"
    made = _made(one.made)
    sides = (made, lacking) if one.side == found.before.location else (lacking, made)
    return one.key, "made", *sides, f"by {one.side} alone"


def _made(made: Produced) -> str:
    by = shortened(made.commit) if made.commit else f"release {made.release}" if made.release else ""
    at = made.at[:19].replace("T", " ")
    partition = f", partition {made.partition}" if made.partition else ""
    return f"{at} by {by}{partition}" if by else f"{at}{partition}"


def _state(check: CheckPair, side: int) -> str:
    state = (check.before, check.after)[side]
    if state is None:
        return "never looked"
    return f"{state}, on an earlier value" if check.of_earlier[side] else state


def shown(number: Number | None) -> str:
    """Return a number as it is read: whole ones with all digits up to LONGEST_WHOLE, others with six."""
    if number is None:
        return "-"
    if isinstance(number, bool):
        return str(number).lower()
    if isinstance(number, int) and abs(number) < 10**LONGEST_WHOLE:
        return f"{number:,}"
    return f"{Decimal(number):.6g}" if isinstance(number, int) else f"{number:.6g}"


def difference(number: NumberPair) -> str:
    """Return the difference with its sign, and as a part of what was before; empty where there is none."""
    if not number.differs:
        return ""
    if number.difference is None:
        return "differs"
    sign = "+" if number.difference > 0 else ""
    part = "" if number.relative is None else f" ({_percent(number.relative)})"
    return f"{sign}{shown(number.difference)}{part}"


def _percent(part: float) -> str:
    return f"{100 * part:+.1f} %" if 0.001 < abs(part) < 100 else f"{100 * part:+.2g} %"
