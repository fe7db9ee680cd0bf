"""Compares the definitions of two releases."""

import re
from collections.abc import Sequence
from typing import Literal

from playground_ops.core import decisions
from playground_ops.core.errors import BadInput, Finding, certain
from playground_ops.core.frozen_model import FrozenModel
from playground_ops.core.model import Defined, Release
from playground_ops.core.plan import FieldChange
from playground_ops.core.target import Target


class Difference(FrozenModel):
    change: Literal["added", "removed", "changed"]
    kind: str
    name: str
    fields: tuple[FieldChange, ...] = ()
    """Differing fields of a definition that is on both sides."""


def differences(before: Sequence[Defined], after: Sequence[Defined]) -> tuple[Difference, ...]:
    """Return the differences by kind and name; equal definitions are left out."""
    one, other = ({(each.kind, each.name): each.fields for each in side} for side in (before, after))
    found = []
    for kind, name in sorted({*one, *other}):
        mine, theirs = one.get((kind, name)), other.get((kind, name))
        if mine is None or theirs is None:
            found.append(Difference(change="added" if mine is None else "removed", kind=kind, name=name))
        elif mine != theirs:
            found.append(Difference(change="changed", kind=kind, name=name, fields=_fields(mine, theirs)))
    return tuple(found)


def _fields(before: dict[str, str], after: dict[str, str]) -> tuple[FieldChange, ...]:
    return tuple(
        FieldChange(path=name, before=before.get(name), after=after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )


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
    found = differences(*loaded)
    common = len({(one.kind, one.name) for one in loaded[0]} & {(one.kind, one.name) for one in loaded[1]})
    same = common - sum(one.change == "changed" for one in found)
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
        fix="`status` and `history` tell why.",
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
