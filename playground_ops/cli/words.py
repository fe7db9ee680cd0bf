"""Words that several commands put alike."""

from __future__ import annotations

from playground_ops.errors import Finding, FindingKind
from playground_ops.model import Outcome, RolloutRecord, shortened

NOTHING_TO_DO = "Nothing to do: the stack is as the configuration says."

NOT_DEPLOYED = Finding(
    kind=FindingKind.CERTAIN,
    object="stack",
    observed="No stack is deployed here.",
    cause="It was never bootstrapped, or its data was deleted.",
    fix="Run `python -m playground_ops.bootstrap`.",
)


def short_commit(commit: str | None) -> str:
    return shortened(commit) if commit else "-"


def moment(at: str | None) -> str:
    return (at or "")[:19].replace("T", " ")


def told(record: RolloutRecord) -> str:
    if record.finding is not None:
        return f"{record.location}: failed while {record.phase.value}; what served before still serves."
    if record.outcome is Outcome.UNCHANGED or record.release is None:
        return f"{record.location}: nothing to do, it serves this already."
    revision, seconds = record.release.revision, sum(record.durations.values())
    return (
        f"{record.location}: release {record.release.number} serves "
        f"{revision.short} {revision.subject} ({seconds:.1f} s)"
    )
