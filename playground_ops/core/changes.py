"""What a rollout changes in the definitions of its location, against what served as it began.

It is part of the rollout's record, so it is bounded: the totals, and the first names of each kind.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from playground_ops.core.field_change import FieldChange
from playground_ops.core.frozen_model import FrozenModel
from playground_ops.core.redact import one_line, printable, redact

Way = Literal["added", "removed", "changed"]
WAYS: tuple[Way, ...] = ("added", "removed", "changed")
_TURNED: dict[Way, Way] = {"added": "removed", "removed": "added", "changed": "changed"}

KEPT_NAMES = 20
"""How many of each kind and way a record has by name."""
KEPT_BYTES = 8_000
"""Every status of a stack reads a hundred records of each location."""
KEPT_FIELDS, LONGEST_NAME, LONGEST_VALUE = 8, 120, 80
SAID_NAMES, SAID_FIELDS, LONGEST_SAID = 5, 3, 40
"""What a sentence has of each kind and way, of each definition, and in characters of a value."""


class Difference(FrozenModel):
    change: Way
    kind: str
    name: str
    fields: tuple[FieldChange, ...] = ()
    """Differing fields of a definition that is on both sides. Where before and after are the same, what
    differs is not shown."""

    def in_words(self) -> str:
        """Return its name and what changes about it, such as `prices (code version 1 -> 2)`."""
        told = [_field(one) for one in self.fields[:SAID_FIELDS]]
        if (more := len(self.fields) - SAID_FIELDS) > 0:
            told.append(f"{more} more")
        return f"{self.name} ({', '.join(told)})" if told else self.name

    def in_short(self) -> "Difference":
        """Return it for a record: without secrets, and no longer than a table needs."""
        fields = tuple(
            FieldChange(path=_name(one.path), before=_short(one.before), after=_short(one.after))
            for one in self.fields[:KEPT_FIELDS]
        )
        return self.model_copy(update={"name": _name(self.name), "fields": fields})

    def without_secrets(self) -> "Difference":
        """Return it for a person: tags and the like are whatever somebody wrote."""
        fields = tuple(
            one.model_copy(update={"before": _redacted(one.before), "after": _redacted(one.after)})
            for one in self.fields
        )
        return self.model_copy(update={"fields": fields})

    def turned_round(self) -> "Difference":
        fields = tuple(
            one.model_copy(update={"before": one.after, "after": one.before}) for one in self.fields
        )
        return self.model_copy(update={"change": _TURNED[self.change], "fields": fields})


class Count(FrozenModel):
    """How many definitions of one kind are added, removed and changed."""

    kind: str
    added: int = 0
    removed: int = 0
    changed: int = 0

    def of(self, way: Way) -> int:
        return {"added": self.added, "removed": self.removed, "changed": self.changed}[way]


class Changes(FrozenModel):
    """All that changes, counted; the first of each kind also by name."""

    against: int | None = None
    """The number of the release that served; None: nothing served, and everything is new."""
    counts: tuple[Count, ...] = ()
    shown: tuple[Difference, ...] = ()
    dagster: tuple[str, str] | None = None
    """Dagster's version before and after, where they differ."""
    unknown: str = ""
    """Why it is not known what changes; empty where it is."""

    @property
    def left_out(self) -> int:
        """Return how many changes are not in `shown`."""
        return sum(one.of(way) for one in self.counts for way in WAYS) - len(self.shown)

    def sentence(self) -> str:
        """Return all of it in one line, with a few names."""
        if self.against is None:
            return f"nothing served before, so everything is new: {self.totals()}"
        if self.unknown:
            return f"what changes against release {self.against} is not known: {self.unknown}"
        told = [self._told(one) for one in self.counts] or ["no definition changes"]
        return f"against release {self.against}: {'; '.join([*told, *self._versions()])}"

    def totals(self) -> str:
        """Return the numbers alone."""
        if self.against is None:
            new = [_several(one.added, one.kind) for one in self.counts]
            return ", ".join(new) or "it defines nothing"
        counted = [", ".join(_parts(one)) for one in self.counts]
        return "; ".join([*(counted or ["no definition changes"]), *self._versions()])

    def turned_round(self, against: int) -> "Changes":
        """Return what going the other way changes; `against` is the release that this way led to."""
        return Changes(
            against=against,
            counts=tuple(
                one.model_copy(update={"added": one.removed, "removed": one.added}) for one in self.counts
            ),
            shown=tuple(one.turned_round() for one in self.shown),
            dagster=self.dagster and (self.dagster[1], self.dagster[0]),
        )

    def _told(self, count: Count) -> str:
        told = []
        for way, part in zip((way for way in WAYS if count.of(way)), _parts(count), strict=True):
            mine = [one for one in self.shown if (one.kind, one.change) == (count.kind, way)]
            names = [one.in_words() for one in mine[:SAID_NAMES]]
            if more := count.of(way) - len(names):
                names.append(f"{more} more")
            listed = ", ".join(names)
            told.append(f"{part}: {listed}" if way == "changed" else f"{part} ({listed})")
        return ", ".join(told)

    def _versions(self) -> list[str]:
        if self.dagster is None:
            return []
        return [f"Dagster {' -> '.join(self.dagster)}, by which definitions of jobs may differ too"]


def changes(differences: Sequence[Difference], against: int | None) -> Changes:
    """Return them counted and bounded. `differences` are in order."""
    counted = Counter((one.kind, one.change) for one in differences)
    kinds = sorted({kind for kind, _ in counted})
    return Changes(
        against=against,
        counts=tuple(Count(kind=kind, **{way: counted[kind, way] for way in WAYS}) for kind in kinds),
        shown=() if against is None else tuple(_kept(differences)),
    )


def _kept(differences: Iterable[Difference]) -> list[Difference]:
    """Return the first of each kind and way: while there is room, all kinds get their next name in turn."""
    seen: Counter[tuple[str, Way]] = Counter()
    turns: list[tuple[int, Difference]] = []
    for one in differences:
        group = one.kind, one.change
        if seen[group] < KEPT_NAMES:
            turns.append((seen[group], one))
        seen[group] += 1
    kept, left = [], KEPT_BYTES
    for _, one in sorted(turns, key=lambda turn: turn[0]):
        short = one.in_short()
        left -= len(short.model_dump_json().encode())
        if left < 0:
            break
        kept.append(short)
    return sorted(kept, key=lambda one: (one.kind, one.name))


def _parts(count: Count) -> list[str]:
    """Return `3 assets added`, `1 removed`: the kind is named once."""
    ways = [way for way in WAYS if count.of(way)]
    first = [f"{_several(count.of(way), count.kind)} {way}" for way in ways[:1]]
    return [*first, *(f"{count.of(way)} {way}" for way in ways[1:])]


def _several(number: int, kind: str) -> str:
    return f"{number:,} {kind}{'' if number == 1 else 's'}"


def _field(one: FieldChange) -> str:
    if one.before == one.after:
        return one.path
    before, after = (one_line(value or "none", LONGEST_SAID) for value in (one.before, one.after))
    return f"{one.path} {before} -> {after}"


def _name(text: str) -> str:
    """Return a name in short. What stands after `users/password:` is the name of a check, and no password."""
    flat = printable(" ".join(text.split()))
    return flat if len(flat) <= LONGEST_NAME else f"{flat[: LONGEST_NAME - 2]}.."


def _redacted(value: str | None) -> str | None:
    return None if value is None else redact(value)


def _short(value: str | None) -> str | None:
    return None if value is None else one_line(value, LONGEST_VALUE)
