"""The first step of a rollout: finish or undo what an earlier one, that died, left behind.

It is called with the location's lock held, so a record without an outcome belongs to a dead rollout.
"""

from collections.abc import Sequence
from contextlib import suppress

from playground_ops.core import decisions, served
from playground_ops.core.errors import LockHeld, PlaygroundError
from playground_ops.core.model import LiveRelease, Outcome, Phase, ReleaseState, RolloutRecord
from playground_ops.core.progress import Progress
from playground_ops.core.target import Target
from playground_ops.engine.carrying import Carrying
from playground_ops.engine.context import Engine, Request, RolloutContext
from playground_ops.engine.switching import confirm

DONE = Outcome.DONE


def recover(context: RolloutContext, location: str) -> Target:
    """Leave no candidate, no unfinished record, what serves on record, and at most one release kept warm.

    Returns a snapshot of the target: the rollout reads once what is there as it begins.
    """
    target, progress, seen = context.target, context.progress, context.target.snapshot()
    records = seen.records(location)
    unfinished = [record for record in records if record.outcome is None]
    context.lock.check()
    if unfinished:
        _settle_an_unconfirmed_switch(context, location, unfinished)
        seen = target.snapshot()
    live = seen.releases(location)
    found = _record_what_serves(context, live, records)
    _revive(target, decisions.serving(live), progress)
    leftovers = _leftovers(live, records)
    for leftover in leftovers:
        progress.warn(f"removing release {leftover.release.number}, left by a rollout that died")
        take_away(target, leftover)
    for lost in seen.fail_lost_runs(location):
        progress.warn(lost)
    retired = retire_old_ones(target, target.releases(location) if leftovers else live, records)
    if unfinished:
        _close(context, location, unfinished)
    return target.snapshot() if unfinished or leftovers or retired or found else seen


def _record_what_serves(
    context: RolloutContext, live: Sequence[LiveRelease], records: Sequence[RolloutRecord]
) -> bool:
    """Write the record of what serves, from its own marks, where somebody deleted it. Returns whether so."""
    now = decisions.serving(live)
    if now is None or any(one.release and one.release.number == now.release.number for one in records):
        return False
    context.progress.warn(f"release {now.release.number} serves and had no record: it has one now")
    context.target.record(served.from_its_marks(now, live))
    return True


def _leftovers(live: Sequence[LiveRelease], records: Sequence[RolloutRecord]) -> list[LiveRelease]:
    """Return candidates, and releases that were switched to, taken back, and not yet removed.

    A release without any record is none of them: it served, and somebody deleted its record.
    """
    recorded = [(record.release.number, record.outcome) for record in records if record.release]
    confirmed = {number for number, outcome in recorded if outcome is DONE}
    doubtful = {number for number, outcome in recorded} - confirmed
    return [
        found
        for found in live
        if found.state is ReleaseState.CANDIDATE
        or (found.state is ReleaseState.RETIRED and found.release.number in doubtful)
    ]


def take_away(target: Target, release: LiveRelease) -> None:
    """Remove at once what never served; drain what did, be it for seconds, as it may have been given runs."""
    if release.state is ReleaseState.RETIRED:
        target.retire(release.release)
    else:
        target.remove(release.release)


def retire_old_ones(target: Target, live: Sequence[LiveRelease], records: Sequence[RolloutRecord]) -> bool:
    """Drain all retired releases but the one kept warm. Returns whether there were any.

    One that runs are still to start on stays until a later rollout, or the health check.
    """
    older = served.no_longer_kept(records, live)
    awaited = target.awaited(older[0].release.location) if older else ()
    leaving = [one for one in older if one.release.number not in awaited]
    for release in leaving:
        target.retire(release.release)
    return bool(leaving)


def let_go(target: Target, location: str, holder: str) -> None:
    """Drain what was kept for queued runs that have begun by now, unless somebody holds the lock."""
    if served.no_longer_kept(target.records(location), target.releases(location)):
        with suppress(LockHeld), target.lock(location, holder):
            retire_old_ones(target, target.releases(location), target.records(location))


def _settle_an_unconfirmed_switch(
    context: RolloutContext, location: str, unfinished: Sequence[RolloutRecord]
) -> None:
    """Confirm a switch that nobody confirmed; take it back if that fails."""
    target = context.target
    live = target.releases(location)
    now, before = decisions.serving(live), decisions.previous(live)
    never_confirmed = {record.release.number for record in unfinished if record.release}
    if now is None or now.release.number not in never_confirmed:
        return
    carrying = Carrying(context, before.release if before else None, now.release)
    try:
        confirm(context, now.release)
        carrying.finish()
    except PlaygroundError as error:
        context.progress.warn(
            f"release {now.release.number} was never confirmed, and can't be: {error.finding.observed}"
        )
        if before is not None:
            target.serve(before.release)
            carrying.go_back()
        target.remove(now.release)


def _revive(target: Target, now: LiveRelease | None, progress: Progress) -> None:
    """Start what serves, if it does not run. A failure is only a warning: this rollout may be the cure."""
    if now is None:
        return
    try:
        target.start(now.release, progress.say)
        target.keep(now.release)
    except PlaygroundError as error:
        progress.warn(f"the serving release {now.release.number} could not be started: {error}")


def _close(context: RolloutContext, location: str, unfinished: Sequence[RolloutRecord]) -> None:
    target = context.target
    live = target.releases(location)
    now, before = decisions.serving(live), decisions.previous(live)
    if before is not None:
        target.settle(before.release)
    for record in unfinished:
        finished = (
            now is not None and record.release is not None and now.release.number == record.release.number
        )
        target.record(
            record.model_copy(
                update={
                    "outcome": Outcome.DONE if finished else Outcome.INTERRUPTED,
                    "ended_at": context.clock.utc_now(),
                    "recovered": True,
                    "warnings": (*record.warnings, f"its process died while {record.phase.value}"),
                }
            )
        )


def bring_back(engine: Engine, request: Request) -> None:
    """Start the serving release again, at its commit: following a moved ref is left to a rollout.

    Raises RolloutFailed when it does not come up, LockHeld.
    """
    name = request.location.name
    with engine.locked(request) as context:
        recover(context, name)
        now = decisions.serving(engine.target.releases(name))
        if now is None:
            return
        engine.progress.phase(Phase.CONFIRM, f"release {now.release.number} comes back")
        confirm(context, now.release)
