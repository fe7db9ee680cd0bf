"""A push goes live: one sensor per location with `follow: true`."""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from playground_ops import apply, decisions
from playground_ops.config import digest
from playground_ops.defs.opener import StackOpener
from playground_ops.defs.rollouts import FOLLOW_TAG
from playground_ops.errors import PlaygroundError
from playground_ops.model import Location, Revision, RolloutRecord
from playground_ops.opening import Opened


@dataclass(frozen=True)
class Push:
    """A commit that the ref leads to and that no rollout has dealt with."""

    revision: Revision
    attempt: int
    """Rollouts of this commit that failed for a passing reason or died, so far."""


def follow_sensor(location: Location) -> dg.SensorDefinition:
    name = location.name

    @dg.sensor(
        name=f"follow_{name.replace('-', '_')}",
        job_name="redeploy",
        minimum_interval_seconds=location.follow_interval_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Asks where {location.ref or 'HEAD'} of `{name}` leads and requests a rollout per new "
        "commit. A commit that was rejected is left alone until it changes or somebody forces it.",
    )
    def follow(stack: dg.ResourceParam[StackOpener]) -> dg.RunRequest | dg.SkipReason:
        try:
            found = look(stack.open(), name)
        except PlaygroundError as error:
            return dg.SkipReason(error.finding.sentence())
        return found if isinstance(found, dg.SkipReason) else _request(name, found)

    return follow


def look(opened: Opened, name: str) -> Push | dg.SkipReason:
    """Raises PlaygroundError when the ref can't be resolved now: the next tick asks again."""
    location = apply.location_named(opened.configuration, name)
    records = opened.target.records(name)
    if any(record.outcome is None for record in records):
        return dg.SkipReason(f"a rollout of {name} is under way")
    revision = opened.target.resolve(location, None)
    where = f"{location.ref or 'HEAD'} leads to {revision.short}"
    if decisions.rejection(records, revision.commit, digest(location)) is not None:
        return dg.SkipReason(f"{where}, which was rejected; a new commit or a forced redeploy goes on")
    if not decisions.has_moved(records, revision):
        return dg.SkipReason(f"{where}, as before")
    return Push(revision, _attempts(records, revision))


def _attempts(records: Sequence[RolloutRecord], revision: Revision) -> int:
    return sum(1 for record in records if record.revision and record.revision.commit == revision.commit)


def _request(name: str, push: Push) -> dg.RunRequest:
    """One run per commit and attempt: Dagster drops a request whose key it has seen."""
    return dg.RunRequest(
        run_key=f"{name}:{push.revision.commit}:{push.attempt}",
        run_config={"locations": [name]},
        tags={FOLLOW_TAG: name, "playground/commit": push.revision.commit},
    )
