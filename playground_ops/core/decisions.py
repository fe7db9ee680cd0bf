"""Decisions about a location from its records alone: pure functions, no target."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from playground_ops.core.errors import FindingKind
from playground_ops.core.model import (
    LiveRelease,
    Location,
    Outcome,
    Release,
    ReleaseState,
    Revision,
    RolloutRecord,
)


def serving(releases: Sequence[LiveRelease]) -> LiveRelease | None:
    return next((live for live in releases if live.state is ReleaseState.SERVING), None)


def previous(releases: Sequence[LiveRelease]) -> LiveRelease | None:
    """Return the retired release that served last."""
    retired = [live for live in releases if live.state is ReleaseState.RETIRED]
    return max(retired, key=lambda live: (live.served_order, live.release.number), default=None)


def is_unchanged(live: LiveRelease | None, revision: Revision, configuration: str) -> bool:
    return (
        live is not None
        and live.release.revision.commit == revision.commit
        and live.release.revision.repository == revision.repository
        and live.release.configuration == configuration
    )


def rejection(records: Sequence[RolloutRecord], commit: str, configuration: str) -> RolloutRecord | None:
    """Return the record that rejected this commit and configuration, unless they succeeded since."""
    for record in reversed(records):
        if record.revision is None or record.configuration != configuration:
            continue
        if record.revision.commit != commit:
            continue
        if record.outcome is Outcome.DONE:
            return None
        if record.outcome is Outcome.FAILED and record.finding and record.finding.rejects:
            return record
    return None


def ref_is_allowed(location: Location, ref: str | None) -> bool:
    """Return whether a launch may ask for `ref`; it may always ask for the configured one."""
    if not location.allowed_refs or ref in (None, location.ref):
        return True
    return any(fnmatchcase(str(ref), pattern) for pattern in location.allowed_refs)


def last_seen(records: Sequence[RolloutRecord], configured_ref: str | None) -> str | None:
    """Return the commit that the configured ref led to when a rollout last dealt with it.

    A rollout that failed for a passing reason, or that died, has not dealt with its commit.
    """
    for record in reversed(records):
        if record.revision is None or record.revision.ref != configured_ref:
            continue
        if record.action in ("rollback", "promote", "heal") or record.outcome is Outcome.INTERRUPTED:
            continue
        passing = record.finding is not None and record.finding.kind is not FindingKind.CERTAIN
        if record.outcome is Outcome.FAILED and passing:
            continue
        return record.revision.commit
    return None


def has_moved(records: Sequence[RolloutRecord], revision: Revision) -> bool:
    """Return whether the configured ref leads somewhere else than when a rollout last dealt with it.

    It is not compared with what serves: after a rollback, what serves differs on purpose.
    """
    return last_seen(records, revision.ref) != revision.commit


def is_alike(one: Release, other: Release) -> bool:
    """Return whether both are the same commit with the same configuration."""
    return (one.revision.commit, one.configuration) == (other.revision.commit, other.configuration)


def release_numbered(records: Sequence[RolloutRecord], number: int) -> Release | None:
    """Return the release of that number, if it ever served."""
    for record in reversed(records):
        if record.outcome is Outcome.DONE and record.release and record.release.number == number:
            return record.release
    return None


def last_done(records: Sequence[RolloutRecord]) -> Release | None:
    """Return the release of the last rollout that succeeded."""
    record = last_done_record(records)
    return record.release if record else None


def last_done_record(records: Sequence[RolloutRecord]) -> RolloutRecord | None:
    done = (record for record in reversed(records) if record.outcome is Outcome.DONE)
    return next((record for record in done if record.release is not None), None)


def last_failure(records: Sequence[RolloutRecord]) -> RolloutRecord | None:
    """Return the last rollout where it went wrong; None where it went well since.

    One that was cancelled says nothing, and one that is under way nothing yet. One that found nothing to do
    went well: what was asked for serves. What healed brought back what served, and answers for itself alone.
    """
    healed = False
    for record in reversed(records):
        heals = record.action == "heal"
        if record.outcome in (Outcome.DONE, Outcome.UNCHANGED):
            if not heals:
                return None
            healed = True
        elif record.outcome in (Outcome.FAILED, Outcome.INTERRUPTED) and not (heals and healed):
            return record
    return None
