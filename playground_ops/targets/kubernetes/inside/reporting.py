"""Tells from inside a pod of a release what ended it: a finding on standard output, and an exit code."""

from playground_ops.core.errors import Finding, PlaygroundError, certain
from playground_ops.core.messages import message

EXIT_CERTAIN = 65
"""sysexits.h EX_DATAERR: the repository does not contain what was asked for."""


def reported(error: PlaygroundError) -> int:
    """Print the findings as messages. Returns the exit code."""
    for finding in error.findings:
        print(message("finding", **finding.model_dump(mode="json")), flush=True)
    return EXIT_CERTAIN


def not_its_own(what: str) -> Finding:
    return certain(
        object=what,
        observed="It belongs to somebody else, others can write to it, or it is not what was made.",
        cause="Somebody changed it on the claim, or the storage class keeps no owners of files. What lies in "
        "it is run, so it has to be the stack's own.",
        fix="Remove `.environments` from the claim `dagster-artifacts`; on storage without owners set "
        "`dependencies: shared`.",
    )
