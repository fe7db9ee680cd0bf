"""Checks how a location's last rollout ended: what went wrong stays in sight until the next one goes well."""

from collections.abc import Sequence

from playground_ops.checks import causes
from playground_ops.checks.causes import Seen
from playground_ops.core import decisions
from playground_ops.core.errors import FindingKind
from playground_ops.core.model import Outcome, RolloutRecord


def last_rollout(name: str, records: Sequence[RolloutRecord], serves: bool) -> list[Seen]:
    """`serves`: whether the location serves anything now; without that its failed rollout is urgent."""
    record = decisions.last_failure(records)
    if record is None:
        return []
    made = _failed(record) if record.outcome is Outcome.FAILED else _interrupted(record)
    return [made.model_copy(update={"explains": (causes.rollout(name),), "urgent": not serves})]


def _failed(record: RolloutRecord) -> Seen:
    found = record.finding
    said = f"{found.object}: {found.observed}" if found else "Nothing is on record of why."
    return Seen(
        kind=found.kind if found else FindingKind.TRANSIENT,
        object=f"location/{record.location}",
        observed=f"{_what(record)} failed at {record.ended_at}: {said}",
        cause=found.cause if found else "",
        fix=found.fix if found else f"`history {record.location}` has what is known of it.",
        evidence=(found.evidence if found else "") or record.log_tail,
        whose=found.whose if found else "surroundings",
        run_id=record.run_id,
    )


def _interrupted(record: RolloutRecord) -> Seen:
    return Seen(
        kind=FindingKind.TRANSIENT,
        object=f"location/{record.location}",
        observed=f"{_what(record)} began at {record.started_at} and was never ended ({record.phase.value}).",
        cause="Its process was killed, or its machine went away. What it left was removed since.",
        fix=f"`redeploy {record.location}` makes it again.",
        whose="surroundings",
        run_id=record.run_id,
    )


def _what(record: RolloutRecord) -> str:
    to = f" to {record.revision.short}" if record.revision else ""
    return f"The last rollout, a {record.action}{to} by {record.by},"
