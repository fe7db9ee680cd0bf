"""Materializes the same assets in two locations, each by a run in its own deployment, and waits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from playground_ops.core.errors import BadInput, Finding, FindingKind, PlaygroundError, certain, transient
from playground_ops.core.loaded import Defined
from playground_ops.core.produced import COMPARED, Launch, RunSeen
from playground_ops.core.progress import RolloutCancelled
from playground_ops.engine.asset_sides import Both, Known, chosen, of_deployment
from playground_ops.engine.compare_assets import AssetComparison, compare_assets
from playground_ops.engine.context import Engine

TIMEOUT_SECONDS = 3600.0
LOOK_SECONDS = 1.0
TELL_SECONDS = 30.0
"""How often a wait says that it goes on."""


@dataclass(frozen=True)
class Wish:
    """What is to be materialized, and how long it may take."""

    select: Sequence[str] = ()
    """Keys of assets; empty for those whose code version differs."""
    timeout_seconds: float = TIMEOUT_SECONDS


@dataclass
class Launched:
    """A run that was launched, and its state as it was last seen."""

    side: Known
    run_id: str
    page: str
    """Its page in the UI of its deployment."""
    seen: RunSeen = field(default_factory=lambda: RunSeen(status="launched"))
    trouble: Finding | None = None
    """Why its webserver did not answer when it was asked last."""

    @property
    def name(self) -> str:
        return f"run {self.run_id} of {self.side.location}"

    @property
    def state(self) -> str:
        return self.trouble.observed if self.trouble else self.seen.status


def materialize_and_compare(engine: Engine, both: Both, wish: Wish) -> AssetComparison:
    """Materialize the assets in both, then compare them.

    Raises BadInput before anything is launched, PlaygroundError where a run fails or is not over in time, and
    RolloutCancelled when somebody leaves. Runs that are under way go on in any case.
    """
    keys = _wanted(engine, both, wish.select)
    runs: list[Launched] = []
    try:
        for side in both.sides:
            for asked in _asked(both, side, keys):
                engine.progress.check()
                runs.append(_launched(engine, side, asked))
        _wait(engine, both, runs, wish.timeout_seconds)
    except RolloutCancelled as left:
        left.finding = _left(both, runs)
        raise
    except PlaygroundError as error:
        told = {one.object for one in error.findings}
        going_on = [_goes_on(both, one) for one in runs if not one.seen.is_over]
        raise PlaygroundError(
            *error.findings, *(one for one in going_on if one.object not in told)
        ) from error
    if failed := [_with_page(one) for one in runs if one.seen.finding]:
        raise PlaygroundError(*failed)
    return compare_assets(engine.target, both, keys, [one.page for one in runs])


def _wanted(engine: Engine, both: Both, select: Sequence[str]) -> list[str]:
    """Return the assets by what they are matched by. Raises BadInput."""
    named = chosen(both, select)
    keys = sorted(both.before.keys.keys() & both.after.keys.keys()) if named is None else list(named)
    found, unfit = [], list[Finding]()
    for key in keys:
        sides = [side.assets.get(side.keys.get(key, "")) for side in both.sides]
        if named is None and not _version_differs(sides):
            continue
        if reason := _unfit(both, key, sides):
            unfit.append(reason)
        else:
            found.append(key)
    if unfit and named is not None:
        raise BadInput(*unfit)
    for one in unfit:
        engine.progress.warn(f"{one.object} is left out: {one.observed}")
    if not found:
        raise BadInput(_nothing_differs(both))
    return found


def _version_differs(sides: Sequence[Defined | None]) -> bool:
    versions = [one.fields.get("code version") if one else None for one in sides]
    return versions[0] != versions[1]


def _unfit(both: Both, key: str, sides: Sequence[Defined | None]) -> Finding | None:
    for side, asset in zip(both.sides, sides, strict=True):
        if asset is None:
            return _can_not(key, f"{side.location} does not define it", "Name one that both define.")
        if asset.fields.get("execution") != "materialization":
            return _can_not(key, f"{side.location} only observes it", "Name one that the code makes.")
        if "partitions" in asset.fields:
            return _can_not(
                key,
                f"in {side.location} it has partitions, and nobody says which one is meant",
                "Materialize the same partition in both UIs, then compare by `--assets` alone.",
            )
    return None


def _asked(both: Both, side: Known, keys: Iterable[str]) -> list[Launch]:
    """Return a run for each repository that defines some of the assets."""
    by_repository: dict[str, list[str]] = {}
    for key in (side.keys[key] for key in keys):
        by_repository.setdefault(side.assets[key].repository, []).append(key)
    tags = {COMPARED: " ".join(one.location for one in both.sides)}
    return [
        Launch(location=side.location, repository=repository, keys=tuple(of_it), tags=tags)
        for repository, of_it in sorted(by_repository.items())
    ]


def _launched(engine: Engine, side: Known, asked: Launch) -> Launched:
    deployment = side.release.location.deployment
    address = engine.target.stack.ui_address(deployment)
    try:
        run_id = engine.target.webserver(deployment).launch(asked)
    except PlaygroundError as error:
        if error.finding.kind is not FindingKind.TRANSIENT:
            raise
        raise PlaygroundError(of_deployment(error.finding, side.release)) from error
    launched = Launched(side, run_id, _page(address, run_id))
    engine.progress.say(f"{launched.name} materializes {', '.join(asked.keys)}: {launched.page}")
    return launched


def _page(address: str | None, run_id: str) -> str:
    """Return the run's page; `address` may have words after the URL about how to get there."""
    url, _, rest = (address or "").partition(" ")
    return f"{url}/runs/{run_id}" + (f" {rest}" if rest else "")


def _wait(engine: Engine, both: Both, runs: Sequence[Launched], seconds: float) -> None:
    """Return when all are over. Raises PlaygroundError at the deadline, RolloutCancelled when one leaves."""
    began = told = engine.clock.monotonic()
    left = list(runs)
    while True:
        changed = [one for one in left if _looked(engine, one)]
        now = engine.clock.monotonic()
        if changed:
            engine.progress.say("; ".join(f"{one.name} is {one.seen.status}" for one in changed))
            told = now
        left = [one for one in left if not one.seen.is_over]
        if not left:
            return
        if now - began >= seconds:
            raise PlaygroundError(*(one.trouble or _too_late(both, one, seconds) for one in left))
        if now - told >= TELL_SECONDS:
            told = now
            waited = ", ".join(f"{one.name} ({one.state})" for one in left)
            engine.progress.say(f"waiting up to {seconds:g} s, since {now - began:.0f} s: {waited}")
        engine.progress.check()
        engine.clock.sleep(LOOK_SECONDS)


def _looked(engine: Engine, run: Launched) -> bool:
    """Ask for the run; return whether its status has changed. A webserver that is away is asked again."""
    before = run.seen.status
    try:
        run.seen = engine.target.webserver(run.side.release.location.deployment).run(run.run_id)
        run.trouble = None
    except PlaygroundError as error:
        if error.finding.kind is not FindingKind.TRANSIENT:
            raise
        run.trouble = of_deployment(error.finding, run.side.release)
    return run.seen.status != before


def _with_page(run: Launched) -> Finding:
    assert run.seen.finding is not None
    finding = run.seen.finding
    observed = f"It ran in {run.side.location}, deployment {run.side.release.location.deployment}. "
    parts = {"observed": observed + finding.observed, "fix": f"{finding.fix} Its page: {run.page}"}
    return finding.model_copy(update=parts)


def _too_late(both: Both, run: Launched, seconds: float) -> Finding:
    queued = run.seen.status == "QUEUED"
    return transient(
        object=f"run/{run.run_id}",
        observed=f"After {seconds:g} s the run of {run.side.location} is {run.seen.status}.",
        cause="It waits in its deployment's queue: as many runs as `run_queue` lets be under way are, or the "
        "daemon does not take it."
        if queued
        else "What it materializes takes longer than that.",
        fix=f"It goes on. Its page: {run.page}. When it is over, {_again(both)} compares what is there.",
    )


def _goes_on(both: Both, run: Launched) -> Finding:
    return transient(
        object=f"run/{run.run_id}",
        observed=f"This run of {run.side.location} goes on; nothing was compared.",
        cause="It was launched for the comparison, and ending it is not for this command to decide.",
        fix=f"Its page: {run.page}. When it is over, {_again(both)} compares what is there.",
    )


def _left(both: Both, runs: Sequence[Launched]) -> Finding:
    under_way = [one for one in runs if not one.seen.is_over]
    pages = ", ".join(f"{one.name} ({one.page})" for one in under_way)
    return transient(
        object="comparison",
        observed=f"It was left before it compared. Under way, and going on: {pages or 'no run'}.",
        cause="Somebody asked for it to stop.",
        fix=f"When no run is under way, {_again(both)} compares what is there.",
    )


def _again(both: Both) -> str:
    return f"`compare {both.before.location} {both.after.location} --assets`"


def _can_not(key: str, reason: str, fix: str) -> Finding:
    return certain(
        object=f"asset/{key}",
        observed=f"It can't be materialized in both for a comparison: {reason}.",
        cause="A comparison launches one run in each location, of the same assets.",
        fix=fix,
    )


def _nothing_differs(both: Both) -> Finding:
    names = " and ".join(side.location for side in both.sides)
    return certain(
        object="option/--run",
        observed=f"No asset of {names} that can be materialized differs in its code version.",
        cause="Only assets with a `code_version` have one, and both sides may have the same.",
        fix="Name the assets: `--select KEY`, once for each.",
    )
