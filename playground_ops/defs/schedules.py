"""The schedules of `ops`: the look at the stack, and a backup every night where one is configured."""

from typing import TYPE_CHECKING, TypeAlias

import dagster as dg

from playground_ops.config.configuration import BackupSettings
from playground_ops.defs.jobs.backup import backup_job

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

HEALTH_SCHEDULE = "health_check_schedule"

UnresolvedJob: TypeAlias = "UnresolvedAssetJobDefinition"


def health_schedule(job: UnresolvedJob, every_minutes: int) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=HEALTH_SCHEDULE,
        job=job,
        cron_schedule="0 * * * *" if every_minutes >= 60 else f"*/{every_minutes} * * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Looks at the stack, so that somebody does.",
    )


def backup_schedules(settings: BackupSettings) -> list[dg.ScheduleDefinition]:
    """None where none is configured."""
    if settings.schedule is None:
        return []
    schedule = dg.ScheduleDefinition(
        name="backup_schedule",
        job=backup_job,
        cron_schedule=settings.schedule,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Keeps the last {settings.kept} backups.",
    )
    return [schedule]
