"""Runs that do not go on, each with the command that frees it."""

from __future__ import annotations

from collections.abc import Sequence

from playground_ops.errors import Finding, FindingKind
from playground_ops.overview import UnderWay

QUEUED_SECONDS = 600.0
STARTING_SECONDS = 300.0
"""As long as Dagster's own monitoring gives a run to start (`start_timeout_seconds`, 180) and some."""
CANCELING_SECONDS = 300.0
"""As long as its monitoring gives one to end (`cancel_timeout_seconds`, 180) and some."""


def check(runs: Sequence[UnderWay]) -> dict[str, list[Finding]]:
    """By location; those without one under `daemon`, which would have to start them."""
    found: dict[str, list[Finding]] = {}
    for run in runs:
        if finding := _stuck(run):
            found.setdefault(run.location or "daemon", []).append(finding)
    return found


def _stuck(run: UnderWay) -> Finding | None:
    if run.status == "QUEUED" and run.seconds > QUEUED_SECONDS:
        return _finding(
            run,
            "The daemon is down, or a limit of concurrency (`run_queue`, a pool, a tag) lets no more begin.",
            "Its page says what it waits for. End what holds it, raise the limit, or terminate it in the UI.",
        )
    if run.status in ("STARTING", "NOT_STARTED") and run.seconds > STARTING_SECONDS:
        return _finding(
            run,
            "The server, or the pod, that was to begin it has died or was never made.",
            "Terminate it in the UI with the box for force ticked, and launch it again.",
        )
    if run.status == "CANCELING" and run.seconds > CANCELING_SECONDS:
        return _finding(
            run,
            "Its process does not end, or its server is gone and nobody can tell it to.",
            "Terminate it in the UI with the box for force ticked: that marks it, and stops nothing.",
        )
    return None


def _finding(run: UnderWay, cause: str, fix: str) -> Finding:
    return Finding(
        kind=FindingKind.TRANSIENT,
        object=f"run/{run.run_id}",
        observed=f"{run.job} is {run.status} for {run.seconds / 60:.0f} min.",
        cause=cause,
        fix=fix,
        whose="surroundings",
    )
