"""Compares what two locations have made of their assets; they may be of different deployments."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from playground_ops.core.errors import Finding, PlaygroundError
from playground_ops.core.frozen_model import FrozenModel
from playground_ops.core.produced import Produced, Value, Wanted
from playground_ops.engine.asset_sides import Both, Known, of_deployment
from playground_ops.engine.produced import Row, rows

if TYPE_CHECKING:
    from playground_ops.core.target import Target


class Side(FrozenModel):
    location: str
    deployment: str
    release: int
    """The one that serves; an asset may have been made by an earlier one."""
    commit: str
    assets: int
    """How many it defines that can be materialized, or were asked for."""


class Alone(Value):
    """An asset that one side alone has made."""

    key: str
    side: str
    """The location that has."""
    made: Produced
    is_defined_by_other: bool


class AssetComparison(Value):
    before: Side
    after: Side
    assets: tuple[Row, ...]
    """Those that both have made; the worst first."""
    alone: tuple[Alone, ...]
    neither: tuple[str, ...]
    """Those that both define and neither has made: at most it has observed them."""
    without_location: bool
    """Whether keys were matched without their first component, each side's own name."""
    nothing_alike: str = ""
    """Why no asset of one side is one of the other; empty where one is."""
    runs: tuple[str, ...] = ()
    """The pages of the runs that were launched for it."""

    def summary(self) -> str:
        names = [f"{one.location} ({one.deployment})" for one in (self.before, self.after)]
        if self.nothing_alike:
            return f"from {names[0]} to {names[1]}: {self.nothing_alike}"
        words = {
            "checks": "with other checks that pass",
            "columns": "with other columns",
            "numbers": "with other numbers",
            "other partition": "of another partition",
            "alike": "alike",
        }
        counts = {kind: sum(one.kind == kind for one in self.assets) for kind in words}
        told = [f"{count} {words[kind]}" for kind, count in counts.items() if count or kind == "alike"]
        for one in (self.before, self.after):
            if count := sum(alone.side == one.location for alone in self.alone):
                told.append(f"{count} made by {one.location} alone")
        if self.neither:
            told.append(f"{len(self.neither)} made by neither")
        return f"from {names[0]} to {names[1]}: {', '.join(told)}"


def compare_assets(
    target: Target, both: Both, select: Sequence[str] | None = None, runs: Sequence[str] = ()
) -> AssetComparison:
    """Compare the latest materializations. `select`: assets by what they are matched by; None for all.

    Raises PlaygroundError with a finding for each deployment whose database does not answer.
    """
    asked = [[key for key in side.keys if select is None or key in select] for side in both.sides]
    before, after = _of_each(
        target, both, [side.wanted(keys) for side, keys in zip(both.sides, asked, strict=True)]
    )
    _with_one_partition(target, both, before, after)
    of_both = set(asked[0]) & set(asked[1])
    return AssetComparison(
        **{
            name: _side(side, len(keys))
            for name, side, keys in zip(("before", "after"), both.sides, asked, strict=True)
        },
        assets=rows(before, after),
        alone=tuple(_alone(both, before, after)),
        neither=tuple(sorted(of_both - before.keys() - after.keys())),
        without_location=both.without_location,
        nothing_alike="" if of_both else _nothing_alike(both, select),
        runs=tuple(runs),
    )


def _of_each(target: Target, both: Both, wanted: Sequence[Sequence[Wanted]]) -> list[dict[str, Produced]]:
    """Return what each side has made, by what it is matched by."""
    found, failures = [], list[Finding]()
    for side, asked in zip(both.sides, wanted, strict=True):
        try:
            found.append(_made(target, side, asked))
        except PlaygroundError as error:
            failures += error.findings
    if failures:
        raise PlaygroundError(*dict.fromkeys(failures))
    return found


def _made(target: Target, side: Known, wanted: Sequence[Wanted]) -> dict[str, Produced]:
    try:
        found = target.produced(side.release.location, wanted) if wanted else ()
    except PlaygroundError as error:
        raise PlaygroundError(*(of_deployment(one, side.release) for one in error.findings)) from error
    commits = {
        record.release.number: record.release.revision.commit
        for record in target.records(side.location)
        if record.release
    }
    commits |= {one.release.number: one.release.revision.commit for one in target.releases(side.location)}
    names = {key: name for name, key in side.keys.items()}
    return {
        names[one.key]: one.model_copy(update={"commit": commits.get(one.release)}) if one.release else one
        for one in found
    }


def _with_one_partition(
    target: Target, both: Both, before: dict[str, Produced], after: dict[str, Produced]
) -> None:
    """Where the newest ones are of different partitions, take one partition that both have made, if any.

    First the newest of `after` is looked for in `before`, then the other way round.
    """
    for side, mine, theirs in ((both.before, before, after), (both.after, after, before)):
        wanted: dict[str, str] = {}
        for key in mine.keys() & theirs.keys():
            partition = theirs[key].partition
            if partition is not None and partition != mine[key].partition:
                wanted[key] = partition
        if wanted:
            mine.update(_made(target, side, side.wanted(wanted, wanted)))


def _side(side: Known, assets: int) -> Side:
    release = side.release
    return Side(
        location=side.location,
        deployment=release.location.deployment,
        release=release.number,
        commit=release.revision.commit,
        assets=assets,
    )


def _alone(both: Both, before: Mapping[str, Produced], after: Mapping[str, Produced]) -> list[Alone]:
    one_way = [(both.before, key, made, both.after) for key, made in before.items() if key not in after]
    other_way = [(both.after, key, made, both.before) for key, made in after.items() if key not in before]
    found = [
        Alone(key=key, side=side.location, made=made, is_defined_by_other=key in other.keys)
        for side, key, made, other in (*one_way, *other_way)
    ]
    return sorted(found, key=lambda one: (one.key, one.side))


def _nothing_alike(both: Both, select: Collection[str] | None) -> str:
    if select is not None:
        return f"none of the selected assets is defined by both: {', '.join(select)}"
    told = [
        f"{side.location} has {next(iter(side.keys.values()))}"
        + (f" and {len(side.keys) - 1} more" if len(side.keys) > 1 else "")
        if side.keys
        else f"{side.location} has none"
        for side in both.sides
    ]
    return f"no asset of one has the key of an asset of the other: {', '.join(told)}"
