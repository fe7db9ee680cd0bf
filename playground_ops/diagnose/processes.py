"""Why a process of Dagster's own, or the database, ended: in its last words, without a guess."""

from __future__ import annotations

from playground_ops.diagnose.serverlog import EVIDENCE_LINES
from playground_ops.diagnose.traceback import last_raised
from playground_ops.errors import Finding, FindingKind


def explain_end(subject: str, exit_status: str, log_tail: str) -> Finding:
    """Of a container `pod/NAME/CONTAINER`; the tail is redacted already."""
    raised, lines = last_raised(log_tail), log_tail.strip().splitlines()
    last = raised.headline if raised else lines[-1].strip() if lines else ""
    component = subject.rpartition("/")[2].removeprefix("dagster-")
    return Finding(
        kind=FindingKind.TRANSIENT,
        object=subject,
        observed=f"It ended ({exit_status}){f', saying: {last[:300]}' if last else ' and said nothing'}.",
        cause="It is started again, ever more rarely.",
        fix=f"`logs {component} --previous` has all it said; `plan` shows what was changed, by whom.",
        evidence="\n".join(lines[-EVIDENCE_LINES:]),
        whose="surroundings",
    )
