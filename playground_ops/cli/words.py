"""Words that several commands put alike."""

from __future__ import annotations

from playground_ops.errors import Finding, FindingKind

NOT_DEPLOYED = Finding(
    kind=FindingKind.CERTAIN,
    object="stack",
    observed="No stack is deployed here.",
    cause="It was never bootstrapped, or its data was deleted.",
    fix="Run `python -m playground_ops.bootstrap`.",
)


def short_commit(commit: str | None) -> str:
    if not commit:
        return "-"
    return commit[:20] if commit.startswith("content-") else commit[:12]


def moment(at: str | None) -> str:
    return (at or "")[:19].replace("T", " ")
