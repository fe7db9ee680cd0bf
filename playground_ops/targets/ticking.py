"""What fails of what ticks by itself, as findings."""

from __future__ import annotations

from collections.abc import Mapping

from playground_ops.diagnose import explain_exit
from playground_ops.errors import Finding
from playground_ops.redact import redact

DATABASE = "DagsterPostgresException"


def findings(errors: Mapping[str, str]) -> dict[str, Finding]:
    """Of errors by name, each as Python prints an exception. A daemon's is not the code's.

    None of Dagster's own database: that it is away says nothing about a release.
    """
    return {what: _finding(what, redact(text)) for what, text in errors.items() if DATABASE not in text}


def _finding(what: str, text: str) -> Finding:
    raised = explain_exit(what, "its last tick", text)
    return raised.model_copy(
        update={
            "observed": f"Its last tick failed: {raised.observed}",
            "cause": "It did not fail before the switch.",
            "fix": "Mend what it raised and redeploy; its page in the UI has the whole error.",
            "whose": "surroundings" if what.startswith("daemon/") else "code",
        }
    )
