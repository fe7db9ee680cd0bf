"""Checks for what dead rollouts leave behind, and for records that are no longer true."""

from collections.abc import Sequence
from datetime import datetime

from playground_ops.core import decisions
from playground_ops.core.clock import moment
from playground_ops.core.errors import Finding, certain, transient
from playground_ops.core.model import LiveRelease, Release, ReleaseState, RolloutRecord

SLACK_SECONDS = 3600.0
"""Added to the longest time that a rollout may take by its location's own limits."""
YOUNG_SECONDS = 60.0
"""Anything younger may belong to a rollout that began after the lock was checked."""


def check(
    location: str,
    holder: str | None,
    releases: Sequence[LiveRelease],
    records: Sequence[RolloutRecord],
    now: datetime,
) -> list[Finding]:
    """`holder` holds the location's lock and was asked for first: without one no rollout is under way."""
    last = records[-1] if records and records[-1].outcome is None else None
    found = []
    if last is None and holder is None:
        found = [
            _candidate(live)
            for live in releases
            if live.state is ReleaseState.CANDIDATE and _since(live.release.created_at, now) > YOUNG_SECONDS
        ]
    if last is not None and holder is None and _since(last.started_at, now) > YOUNG_SECONDS:
        found.append(_dead(location, last, decisions.serving(releases)))
    elif last is not None and holder is not None and _lasts(last, now):
        found.append(_lasting(location, last, holder))
    return found


def moved_by_hand(
    location: str, releases: Sequence[LiveRelease], records: Sequence[RolloutRecord]
) -> list[Finding]:
    """Check that what serves is the release of the last rollout that succeeded."""
    now = decisions.serving(releases)
    if now is None or not records or records[-1].outcome is None or without_a_record(releases, records):
        return []
    done = decisions.last_done_record(records)
    if done is None or done.release is None or done.release.number == now.release.number:
        return []
    return [_moved(location, now.release.number, done)]


def without_a_record(releases: Sequence[LiveRelease], records: Sequence[RolloutRecord]) -> list[Finding]:
    """Check that what serves has a record of how it came to serve."""
    now = decisions.serving(releases)
    if now is None or any(one.release and one.release.number == now.release.number for one in records):
        return []
    return [_unrecorded(now.release)]


def _since(text: str, now: datetime) -> float:
    return (now - moment(text)).total_seconds()


def _lasts(record: RolloutRecord, now: datetime) -> bool:
    location = record.release.location if record.release else None
    allowed = SLACK_SECONDS
    if location is not None:
        allowed += location.startup_timeout_seconds + location.smoke_timeout_seconds
        allowed += location.approval_timeout_seconds if location.approval == "manual" else 0
    return _since(record.started_at, now) > allowed


def _candidate(live: LiveRelease) -> Finding:
    return certain(
        object=f"release/{live.release.name}",
        observed="It is a candidate, and no rollout is under way.",
        cause="The rollout that started it ended without being able to remove it.",
        fix=f"`redeploy {live.release.location.name}` removes it.",
        whose="surroundings",
    )


def _dead(location: str, record: RolloutRecord, now: LiveRelease | None) -> Finding:
    return certain(
        object=f"location/{location}",
        observed=f"A {record.action} by {record.by} began at {record.started_at} and has not ended "
        f"({record.phase.value}).",
        cause="Its process was killed, or its machine went away."
        + (f" Release {now.release.number} serves." if now else " Nothing serves."),
        fix=f"`redeploy {location}` cleans up after it.",
        whose="surroundings",
    )


def _lasting(location: str, record: RolloutRecord, holder: str) -> Finding:
    return transient(
        object=f"location/{location}",
        observed=f"A {record.action} began at {record.started_at} and has not ended ({record.phase.value}); "
        f"{holder} still holds its lock.",
        cause="It hangs: by the location's own limits it would have ended.",
        fix=f"`history {location}` says by which run or process; terminate it, and `redeploy {location}`.",
    )


def _moved(location: str, number: int, done: RolloutRecord) -> Finding:
    release = done.release
    return certain(
        object=f"location/{location}",
        observed=f"Release {number} serves; by the records it is release {release.number if release else 0} "
        f"({done.action} by {done.by}, {done.ended_at}).",
        cause="Somebody moved the location's address by hand, or records were lost.",
        fix=f"`history {location}`; `redeploy {location}` or `rollback {location}` put it right.",
        whose="surroundings",
    )


def _unrecorded(release: Release) -> Finding:
    name = release.location.name
    return certain(
        object=f"release/{release.name}",
        observed="It serves, and no record tells how it came to.",
        cause="Somebody deleted records. Or so many rollouts failed since that theirs took its place: the "
        "last hundred are kept.",
        fix="A rollback still finds what is kept warm, by the marks on the releases, and nothing before it. "
        f"`rollback {name} --to {release.number}` moves nothing and writes the record from these marks.",
        whose="surroundings",
    )
