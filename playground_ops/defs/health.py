"""Is the stack well: one asset check per component, on a schedule that is on from the start.

A component that is not well makes its check red and leaves the run a success: the run did its work.
The run fails when the stack could not be looked at.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, TypeAlias

import dagster as dg

from playground_ops import health
from playground_ops.defs import metadata
from playground_ops.defs.assets import key
from playground_ops.defs.opener import StackOpener
from playground_ops.defs.reporting import failure
from playground_ops.defs.retention import forget
from playground_ops.errors import Finding, PlaygroundError

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

CHECK = "healthy"
JOB, SCHEDULE = "health_check", "health_check_schedule"

UnresolvedJob: TypeAlias = "UnresolvedAssetJobDefinition"


def health_checks(components: Sequence[str]) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        name="look_at_the_stack",
        specs=[
            dg.AssetCheckSpec(CHECK, asset=key(name), description=f"{name} runs and answers.")
            for name in components
        ],
        description="Each component's process runs, and the webserver shows what each location serves.",
    )
    def look_at_the_stack(
        context: dg.AssetCheckExecutionContext, stack: dg.ResourceParam[StackOpener]
    ) -> Iterator[dg.AssetCheckResult]:
        try:
            opened = stack.open()
            found = health.check_each(opened.target, opened.configuration)
        except PlaygroundError as error:
            raise failure(error.findings) from None
        for name in components:
            yield _result(name, found.get(name, []))
        kept = opened.configuration.health.kept_days
        gone = forget(context.instance, JOB, SCHEDULE, datetime.now(timezone.utc), kept)
        if gone:
            context.log.info(f"removed {gone} successful runs of this job that are older than {kept} days")

    return look_at_the_stack


def health_job(checks: dg.AssetChecksDefinition) -> UnresolvedJob:
    return dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.checks(checks),
        description="Look at every component of the stack.",
    )


def health_schedule(job: UnresolvedJob, every_minutes: int) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=SCHEDULE,
        job=job,
        cron_schedule="0 * * * *" if every_minutes >= 60 else f"*/{every_minutes} * * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Looks at the stack, so that somebody does.",
    )


def _result(component: str, findings: Sequence[Finding]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key(component),
        check_name=CHECK,
        passed=not findings,
        severity=dg.AssetCheckSeverity.ERROR,
        description=metadata.sentence(findings) if findings else "well",
        metadata=metadata.of_finding(findings[0]) if findings else {},
    )
