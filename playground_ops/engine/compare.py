"""Compares the definitions of two releases."""

import re
from collections import Counter
from collections.abc import Sequence

from playground_ops.core import decisions
from playground_ops.core.changes import Difference
from playground_ops.core.errors import BadInput, Finding, certain
from playground_ops.core.field_change import FieldChange
from playground_ops.core.frozen_model import FrozenModel
from playground_ops.core.loaded import Defined
from playground_ops.core.model import Release
from playground_ops.core.moving import match
from playground_ops.core.target import Target

_BY_REPOSITORY = ("job", "schedule", "sensor")
"""Kinds that Dagster knows by their repository too; an asset is its key alone."""


def differences(before: Sequence[Defined], after: Sequence[Defined]) -> tuple[Difference, ...]:
    """Return the differences by kind and name; equal definitions are left out.

    Where only its repository differs, a definition is the same one, changed. Of several with one name each is
    told with its repository before it.
    """
    matched = match(before, after)
    several = Counter((one.kind, one.name) for one in (*matched.removed, *matched.added))
    found = [_changed(one, other) for one, other in matched.pairs]
    for change, side in (("removed", matched.removed), ("added", matched.added)):
        for one in side:
            name = one.name if several[one.kind, one.name] == 1 else f"{one.repository}/{one.name}"
            found.append(Difference(change=change, kind=one.kind, name=name))
    return tuple(sorted(filter(None, found), key=lambda one: (one.kind, one.name)))


def _changed(one: Defined, other: Defined) -> Difference | None:
    before, after = _by(one), _by(other)
    if before == after and one.hidden == other.hidden:
        return None
    fields = tuple(
        FieldChange(path=name, before=before.get(name), after=after.get(name))
        for name in sorted({*before, *after, *one.hidden, *other.hidden})
        if (before.get(name), one.hidden.get(name)) != (after.get(name), other.hidden.get(name))
    )
    return Difference(change="changed", kind=one.kind, name=one.name, fields=fields)


def _by(one: Defined) -> dict[str, str]:
    return {**one.fields, "repository": one.repository} if one.kind in _BY_REPOSITORY else one.fields


class Comparison(FrozenModel):
    before: Release
    after: Release
    differences: tuple[Difference, ...]
    same: int
    """How many are equal."""

    def summary(self) -> str:
        counts = {
            change: sum(one.change == change for one in self.differences)
            for change in ("added", "removed", "changed")
        }
        counted = ", ".join(f"{count} {change}" for change, count in counts.items())
        sides = [f"{one.name} ({one.revision.short})" for one in (self.before, self.after)]
        return f"from {sides[0]} to {sides[1]}: {counted}, {self.same} alike"


def compare(target: Target, locations: Sequence[str], before: str, after: str) -> Comparison:
    """Compare two sides: each is a location, by what it serves, or a release that runs, such as `a-3`.

    Raises BadInput, or PlaygroundError when a server does not answer.
    """
    sides = [release_named(target, locations, name) for name in (before, after)]
    loaded = [target.inspect(release).defined for release in sides]
    found = tuple(one.without_secrets() for one in differences(*loaded))
    same = len(loaded[0]) - sum(one.change in ("changed", "removed") for one in found)
    return Comparison(before=sides[0], after=sides[1], differences=found, same=same)


def release_named(target: Target, locations: Sequence[str], name: str) -> Release:
    """Return the release of that name, or the one a location serves. Raises BadInput."""
    if name in locations:
        serving = decisions.serving(target.releases(name))
        if serving is None:
            raise BadInput(_serves_nothing(name))
        return serving.release
    numbered = re.fullmatch(r"(.+)-(\d+)", name)
    if numbered is None or numbered[1] not in locations:
        raise BadInput(_nobody(name, locations))
    live = [one.release for one in target.releases(numbered[1])]
    for release in live:
        if release.name == name:
            return release
    raise BadInput(_does_not_run(name, [release.name for release in live]))


def _serves_nothing(name: str) -> Finding:
    return certain(
        object=f"location/{name}",
        observed="It serves nothing, so there is nothing to compare.",
        cause="Its first release did not come up, or it was not deployed.",
        fix=f"`status` and `history {name}` tell why.",
    )


def _nobody(name: str, locations: Sequence[str]) -> Finding:
    return certain(
        object=f"location/{name}",
        observed="There is no such location, and no release of this name.",
        cause=f"The locations are: {', '.join(locations)}.",
        fix="Name one of these, or a release that runs, as LOCATION-NUMBER.",
    )


def _does_not_run(name: str, live: Sequence[str]) -> Finding:
    return certain(
        object=f"release/{name}",
        observed="It does not run, and only a server can say what it has loaded.",
        cause=f"Those that run: {', '.join(live) or 'none'}.",
        fix="Name one of these.",
    )
