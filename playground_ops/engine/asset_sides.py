"""Two locations whose assets are compared, as their servers describe them, and the assets that are meant."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playground_ops.core.errors import BadInput, Finding, certain
from playground_ops.core.loaded import Defined
from playground_ops.core.model import Release
from playground_ops.core.produced import Wanted
from playground_ops.engine.compare import release_named
from playground_ops.engine.produced import Keys, matching

if TYPE_CHECKING:
    from playground_ops.core.target import Target


@dataclass(frozen=True)
class Known:
    """One side, as its server describes it."""

    release: Release
    assets: Mapping[str, Defined]
    """Its assets by key."""
    checks: Mapping[str, tuple[str, ...]]
    """The names of their checks, by key."""
    keys: Keys
    """Its keys by what they are matched by."""

    @property
    def location(self) -> str:
        return self.release.location.name

    def wanted(self, keys: Iterable[str], partitions: Mapping[str, str] | None = None) -> list[Wanted]:
        """Return the questions about assets, by what they are matched by."""
        return [
            Wanted(
                key=self.keys[key],
                checks=self.checks.get(self.keys[key], ()),
                partition=(partitions or {}).get(key),
            )
            for key in keys
        ]


@dataclass(frozen=True)
class Both:
    before: Known
    after: Known
    without_location: bool

    @property
    def sides(self) -> tuple[Known, Known]:
        return self.before, self.after


def known(target: Target, locations: Sequence[str], before: str, after: str) -> Both:
    """Ask both locations' servers what they define. Raises BadInput, PlaygroundError."""
    for name in (before, after):
        if name not in locations:
            raise BadInput(_no_location(name, locations))
    if before == after:
        raise BadInput(_the_same(before))
    releases = [release_named(target, locations, name) for name in (before, after)]
    loaded = [target.inspect(release) for release in releases]
    assets = [
        {
            one.name: one
            for one in each.defined
            if one.kind == "asset" and one.fields.get("execution") != "unexecutable"
        }
        for each in loaded
    ]
    mine, theirs, taken = matching((before, assets[0]), (after, assets[1]))
    keys = (mine, theirs)
    checks = [_checks(each.defined) for each in loaded]
    one, other = (Known(*side) for side in zip(releases, assets, checks, keys, strict=True))
    return Both(one, other, taken)


def _checks(defined: Iterable[Defined]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for one in defined:
        if one.kind == "asset check":
            key, _, name = one.name.rpartition(":")
            found[key] = (*found.get(key, ()), name)
    return found


def chosen(both: Both, select: Sequence[str]) -> Sequence[str] | None:
    """Return the selected assets by what they are matched by; None without a selection. Raises BadInput.

    Each may be given as one of both sides has it.
    """
    if not select:
        return None
    names = {key: name for side in both.sides for name, key in side.keys.items()}
    names |= {name: name for side in both.sides for name in side.keys}
    if unknown := [key for key in select if key not in names]:
        raise BadInput(*(_no_asset(key, names, both) for key in unknown))
    return list(dict.fromkeys(names[key] for key in select))


def of_deployment(finding: Finding, release: Release) -> Finding:
    """Return what was observed of a deployment's database or webserver, with its name."""
    deployment = release.location.deployment
    observed = f"Of deployment {deployment}, in which {release.location.name} is: {finding.observed}"
    return finding.model_copy(update={"object": f"deployment/{deployment}", "observed": observed})


def _no_location(name: str, locations: Sequence[str]) -> Finding:
    return certain(
        object=f"location/{name}",
        observed="There is no such location.",
        cause=f"The locations are: {', '.join(locations)}. Of a release alone nobody knows what it has made.",
        fix="Name one of these.",
    )


def _the_same(name: str) -> Finding:
    return certain(
        object=f"location/{name}",
        observed="It was to be compared with itself.",
        cause="A location has made its assets once, whichever of its releases did.",
        fix="Name two locations.",
    )


def _no_asset(key: str, names: Collection[str], both: Both) -> Finding:
    near = difflib.get_close_matches(key, sorted(names), n=1, cutoff=0.6)
    places = " nor ".join(side.location for side in both.sides)
    return certain(
        object=f"asset/{key}",
        observed=f"Neither {places} defines such an asset.",
        cause=f"The nearest one is {near[0]}." if near else "Its key is another one, or it was removed.",
        fix="Name its key as the UI shows it, the components joined by `/`.",
    )
