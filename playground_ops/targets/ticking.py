"""What fails of what ticks by itself, as findings."""

from __future__ import annotations

from collections.abc import Mapping

from playground_ops.checks.daemons import is_its_own
from playground_ops.checks.ticks import is_unreached
from playground_ops.diagnose import explain_exit
from playground_ops.errors import Finding, FindingKind
from playground_ops.redact import redact

DAEMON, DATABASE = "daemon/", "DagsterPostgresException"


def findings(errors: Mapping[str, str]) -> dict[str, Finding]:
    """Of errors by name, each as Python prints an exception. A daemon's is not the code's.

    None of Dagster's own database: that it is away says nothing about a release. Nor what a daemon reports of
    others, which is told of them.
    """
    return {what: _finding(what, redact(text)) for what, text in errors.items() if _counts(what, text)}


def _counts(what: str, text: str) -> bool:
    return is_its_own(text) if what.startswith(DAEMON) else DATABASE not in text


def _finding(what: str, text: str) -> Finding:
    raised = explain_exit(what, "its last tick", text)
    unreached = is_unreached(text)
    return raised.model_copy(
        update={
            "kind": FindingKind.TRANSIENT if unreached else raised.kind,
            "observed": f"Its last tick failed: {raised.observed}",
            "cause": "It did not fail before the switch.",
            "fix": "Mend what it raised and redeploy; its page in the UI has the whole error.",
            "whose": "surroundings" if unreached or what.startswith(DAEMON) else "code",
        }
    )
