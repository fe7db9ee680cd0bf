"""What two locations have made of the same assets, laid side by side: the worst first. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from playground_ops.core.frozen_model import FrozenModel
from playground_ops.core.produced import ROWS, CheckState, Number, Produced, Value

Keys = dict[str, str]
"""Keys of assets by what they are matched by."""
MOST = 2.0
"""The largest `magnitude`: a number and its negative, or what can't be told in numbers, such as NaN."""


class NumberPair(Value):
    """One number of an asset on both sides, and the difference."""

    label: str
    before: Number | None
    """None: it was not reported there."""
    after: Number | None
    difference: Number | None = None
    """`after - before`; None where a side is missing or no number, where no float holds it, and of bools."""
    relative: float | None = None
    """The difference as a part of `before`; None where there is no such number, as from 0."""

    @property
    def differs(self) -> bool:
        if self.before is None or self.after is None:
            return self.before is not self.after
        return not (self.before == self.after or (_is_nan(self.before) and _is_nan(self.after)))

    @property
    def magnitude(self) -> float:
        """Return how far apart they are, from 0 to MOST, the same whichever side is first.

        It is the difference as a part of the larger one. A number that one side alone reports is a difference
        of the code and of no size.
        """
        if self.before is None or self.after is None or not self.differs:
            return 0.0
        found = _part(self.difference, max(self.before, self.after, key=abs))
        return MOST if found is None else min(abs(found), MOST)


def pair(label: str, before: Number | None, after: Number | None) -> NumberPair:
    found = _difference(before, after)
    return NumberPair(
        label=label, before=before, after=after, difference=found, relative=_part(found, before)
    )


def _difference(before: Number | None, after: Number | None) -> Number | None:
    if before is None or after is None or (isinstance(before, bool) and isinstance(after, bool)):
        return None
    try:
        found = after - before
    except OverflowError:  # a whole number that no float can hold, and a float
        return None
    return None if _is_nan(found) else found


def _part(difference: Number | None, whole: Number | None) -> float | None:
    try:
        found = difference / abs(whole) if difference is not None and whole else math.nan
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def _is_nan(number: Number) -> bool:
    return isinstance(number, float) and math.isnan(number)


class ColumnChange(FrozenModel):
    change: Literal["added", "removed", "changed"]
    name: str
    before: str | None
    """Its type; None where there is no such column."""
    after: str | None


class CheckPair(FrozenModel):
    name: str
    before: CheckState | None
    """None: it was never evaluated there."""
    after: CheckState | None
    of_earlier: tuple[bool, bool] = (False, False)
    """Whether it looked at an earlier materialization than the one shown, on each side."""

    @property
    def differs(self) -> bool:
        """Return whether it passes on one side alone; what was never evaluated counts as if it passed."""
        return (self.before in _WELL) != (self.after in _WELL)


_WELL: tuple[CheckState | None, ...] = ("passes", None)


Kind = Literal["checks", "columns", "numbers", "other partition", "alike"]
"""The worst in which two differ."""


class Row(Value):
    """One asset that both sides have made."""

    key: str
    """The key by which the two were matched."""
    kind: Kind
    before: Produced
    after: Produced
    checks: tuple[CheckPair, ...] = ()
    columns: tuple[ColumnChange, ...] = ()
    numbers: tuple[NumberPair, ...] = ()
    """The number of rows first; empty where the two are of different partitions."""
    seconds: NumberPair
    """How long the step took. It is another number every time, so it is no difference of the asset."""

    @property
    def rank(self) -> tuple[int, int, float, int, str]:
        """Return what rows are sorted by; no two have the same, as their keys differ."""
        return (
            -sum(one.differs for one in self.checks),
            -len(self.columns),
            -max((one.magnitude for one in self.numbers), default=0.0),
            -sum(one.differs for one in self.numbers) - (self.kind == "other partition"),
            self.key,
        )


def rows(before: Mapping[str, Produced], after: Mapping[str, Produced]) -> tuple[Row, ...]:
    """Return the rows of what both sides have made, by the keys they are matched by; the worst first."""
    both = [row(key, before[key], after[key]) for key in before if key in after]
    return tuple(sorted(both, key=lambda one: one.rank))


def row(key: str, before: Produced, after: Produced) -> Row:
    same_partition = before.partition == after.partition
    checks, columns = _checks(before, after), _columns(before, after)
    numbers = _numbers(before, after) if same_partition else ()
    kind: Kind = "alike" if same_partition else "other partition"
    if any(one.differs for one in checks):
        kind = "checks"
    elif columns:
        kind = "columns"
    elif any(one.differs for one in numbers):
        kind = "numbers"
    return Row(
        key=key,
        kind=kind,
        before=before,
        after=after,
        checks=checks,
        columns=columns,
        numbers=numbers,
        seconds=pair("seconds", before.seconds, after.seconds),
    )


def _checks(before: Produced, after: Produced) -> tuple[CheckPair, ...]:
    mine, theirs = ({one.name: one for one in side.checks} for side in (before, after))
    found = []
    for name in sorted({*mine, *theirs}):
        one, other = mine.get(name), theirs.get(name)
        found.append(
            CheckPair(
                name=name,
                before=one and one.state,
                after=other and other.state,
                of_earlier=(bool(one and one.of_earlier), bool(other and other.of_earlier)),
            )
        )
    return tuple(sorted(found, key=lambda one: (not one.differs, one.name)))


def _columns(before: Produced, after: Produced) -> tuple[ColumnChange, ...]:
    """Return the changes; none where a side reported no schema, as then nothing is known of it."""
    if before.columns is None or after.columns is None:
        return ()
    mine, theirs = ({one.name: one.type for one in side} for side in (before.columns, after.columns))
    names = [name for name in dict.fromkeys([*mine, *theirs]) if mine.get(name) != theirs.get(name)]
    return tuple(
        ColumnChange(
            change="added" if name not in mine else "removed" if name not in theirs else "changed",
            name=name,
            before=mine.get(name),
            after=theirs.get(name),
        )
        for name in names
    )


def _numbers(before: Produced, after: Produced) -> tuple[NumberPair, ...]:
    labels = {*before.numbers, *after.numbers}
    pairs = (pair(label, before.numbers.get(label), after.numbers.get(label)) for label in labels)
    return tuple(
        sorted(pairs, key=lambda one: (one.label != ROWS, -one.magnitude, not one.differs, one.label))
    )


def matching(before: tuple[str, Iterable[str]], after: tuple[str, Iterable[str]]) -> tuple[Keys, Keys, bool]:
    """Return each side's keys by what they are matched by, and whether the locations' names were taken off.

    Each side is a location's name and its keys. Code that two locations of one deployment serve has to begin
    its keys with the location's name, as the shipped `playground` does; where all keys of both sides do, the
    rest is what is compared.
    """
    (name, keys), (other, others) = ((name, sorted(keys)) for name, keys in (before, after))
    if _begin_with(name, keys) and _begin_with(other, others):
        mine, theirs = ({key.partition("/")[2]: key for key in side} for side in (keys, others))
        return mine, theirs, True
    return {key: key for key in keys}, {key: key for key in others}, False


def _begin_with(location: str, keys: Sequence[str]) -> bool:
    return bool(keys) and all(key.startswith(f"{location}/") for key in keys)
