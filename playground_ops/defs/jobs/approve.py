"""The jobs with which a person approves or rejects a candidate."""

import dagster as dg
from pydantic import Field

from playground_ops.core.model import Verdict
from playground_ops.core.redact import printable
from playground_ops.defs.jobs.reporting import explained
from playground_ops.defs.jobs.rollouts import requested_by
from playground_ops.defs.resources import StackOpener, job_of
from playground_ops.engine import apply
from playground_ops.engine.approval import decide


class VerdictConfig(dg.Config):
    """About the candidate of a location that waits."""

    location: str = Field(description="Name of the code location.")
    reason: str = Field(default="", description="What the record says of it.")


def _job(name: str, approved: bool, description: str) -> dg.JobDefinition:
    @dg.op(name=f"{name}_candidate", out=dg.Out(dg.Nothing))
    def say(
        context: dg.OpExecutionContext, config: VerdictConfig, stack: dg.ResourceParam[StackOpener]
    ) -> None:
        verdict = Verdict(approved=approved, by=requested_by(context), reason=config.reason)
        with explained():
            opened = stack.open()
            location = apply.location_named(opened.configuration, config.location)
            decided = decide(opened.target, location.name, verdict)
        release, changes = decided.release, decided.changes
        told = f"; {changes.sentence()}" if changes else ""
        context.log.info(printable(f"{release.name} at {release.revision.short}: {name}{told}"))

    return job_of(say, name, description, VerdictConfig)


approve_job = _job("approve", True, "Let the candidate of a location that waits for approval go on.")
reject_job = _job("reject", False, "End the rollout that waits for approval; what serves stays.")
