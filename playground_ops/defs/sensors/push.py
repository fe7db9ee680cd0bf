"""Rolls out pushes: one sensor for all locations that follow the same repository.

Resolving a ref takes a query, and in a cluster a pod: one query resolves all refs of the locations.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from playground_ops.config import digest
from playground_ops.context import StackContext
from playground_ops.core import decisions
from playground_ops.core.errors import Finding, PlaygroundError
from playground_ops.core.model import Location, Revision, RolloutRecord
from playground_ops.core.target import Target
from playground_ops.defs.jobs.rollouts import FOLLOW_TAG
from playground_ops.defs.resources import StackOpener
from playground_ops.engine import redeploy

USUAL_SECONDS = Location(name="x").follow_interval_seconds
Group = tuple[str, str, int]
"""Repository, Secret, and interval in seconds."""


@dataclass(frozen=True)
class Push:
    """A commit that the ref leads to and that no rollout has dealt with."""

    revision: Revision
    attempt: int
    """Rollouts of this commit that failed for a passing reason or died, so far."""


def follow_sensors(locations: Sequence[Location]) -> list[dg.SensorDefinition]:
    groups: dict[Group, list[Location]] = {}
    for one in locations:
        if one.follow:
            groups.setdefault(_group(one), []).append(one)
    names = [_name(group) for group in groups]
    return [
        _sensor(name if names.count(name) == 1 else f"{name}_{_short(group)}", group, several)
        for name, (group, several) in zip(names, groups.items(), strict=True)
    ]


def _group(location: Location) -> Group:
    source = location.repository or location.name
    return source, location.git_secret or "", location.follow_interval_seconds


def _name(group: Group) -> str:
    """Name the sensor after what it follows: it stays, on or off as before, when a location comes or goes."""
    repository, secret, seconds = group
    parts = [part for part in _path(repository).removesuffix(".git").split("/") if part]
    words = [*parts[-2:], *(["with", secret] if secret else [])]
    words += ["every", str(seconds), "s"] if seconds != USUAL_SECONDS else []
    return "follow_" + re.sub(r"[^A-Za-z0-9]+", "_", "_".join(words)).strip("_")


def _path(repository: str) -> str:
    """Return the path of a URL without its host, of git's short form `host:path`, or the text itself."""
    _, url, rest = repository.rstrip("/").rpartition("://")
    return rest.partition("/")[2] if url else rest.partition(":")[2] or rest


def _short(group: Group) -> str:
    return hashlib.sha256(repr(group).encode()).hexdigest()[:6]


def _sensor(name: str, group: Group, locations: Sequence[Location]) -> dg.SensorDefinition:
    followed = ", ".join(f"`{one.name}` ({one.ref or 'HEAD'})" for one in locations)

    @dg.sensor(
        name=name,
        job_name="redeploy",
        minimum_interval_seconds=group[2],
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Asks where the refs of {followed} lead and requests a rollout per new commit. A commit "
        "that was rejected is left alone until it changes or somebody forces it.",
    )
    def follow(stack: dg.ResourceParam[StackOpener]) -> list[dg.RunRequest] | dg.SkipReason:
        try:
            opened = stack.open()
            wanted = [
                one for one in opened.configuration.all_locations if one.follow and _group(one) == group
            ]
            found = poll(opened, wanted)
        except PlaygroundError as error:
            return dg.SkipReason(error.finding.sentence())
        pushes = [_request(name, push) for name, push in found.items() if isinstance(push, Push)]
        reasons = dict.fromkeys(reason for reason in found.values() if isinstance(reason, str))
        return pushes or dg.SkipReason("; ".join(reasons) or "nothing is followed there any more")

    return follow


def poll(opened: StackContext, locations: Sequence[Location]) -> dict[str, Push | str]:
    """Return each location's push, or why there is none. What can't be resolved is tried at the next tick."""
    records = {one.name: opened.target.records(one.name) for one in locations}
    found: dict[str, Push | str] = {name: f"a rollout of {name} is under way" for name in records}
    free = [one for one in locations if all(record.outcome is not None for record in records[one.name])]
    for location, answer in zip(free, opened.target.resolve_all(free), strict=True):
        found[location.name] = _push(opened.target, location, records[location.name], answer)
    return found


def _push(
    target: Target, location: Location, records: Sequence[RolloutRecord], answer: Revision | Finding
) -> Push | str:
    if isinstance(answer, Finding):
        return answer.sentence()
    where = f"{location.ref or 'HEAD'} of {location.name} leads to {answer.short}"
    if decisions.rejection(records, answer.commit, digest(location)) is not None:
        return f"{where}, which was rejected; a new commit or a forced redeploy goes on"
    if not redeploy.has_moved(target, location.name, records, answer):
        return f"{where}, as before"
    return Push(answer, sum(1 for one in records if one.revision and one.revision.commit == answer.commit))


def _request(name: str, push: Push) -> dg.RunRequest:
    """Return one run per commit and attempt: Dagster drops a request whose key it has seen."""
    return dg.RunRequest(
        run_key=f"{name}:{push.revision.commit}:{push.attempt}",
        run_config={"locations": [name]},
        tags={FOLLOW_TAG: name, "playground/commit": push.revision.commit},
    )
