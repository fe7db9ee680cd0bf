"""The schedules of `ops`: the health check, a backup where one is configured, and removal of old runs.

A check every few minutes makes a hundred thousand runs a year. Only successful runs of the schedule are
removed; other runs were started by people, and stay.
"""

from datetime import datetime, timedelta

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.scheduler.instigation import TickStatus

from playground_ops.config.kubernetes_section import BackupSettings
from playground_ops.defs.jobs.backup import backup_job

HEALTH_SCHEDULE = "health_check_schedule"


def health_schedule(job: UnresolvedAssetJobDefinition, every_minutes: int) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=HEALTH_SCHEDULE,
        job=job,
        cron_schedule="0 * * * *" if every_minutes >= 60 else f"*/{every_minutes} * * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Looks at the stack, so that somebody does.",
    )


def backup_schedules(settings: BackupSettings) -> list[dg.ScheduleDefinition]:
    """Return the schedule of backups; none where none is configured."""
    if settings.schedule is None:
        return []
    return [
        dg.ScheduleDefinition(
            name="backup_schedule",
            job=backup_job,
            cron_schedule=settings.schedule,
            default_status=dg.DefaultScheduleStatus.RUNNING,
            description=f"Keeps the last {settings.kept} backups.",
        )
    ]


AT_ONCE = 50
"""Runs removed by one check: more than are added between two checks, and few enough to be quick."""


def forget(instance: dg.DagsterInstance, job: str, schedule: str, now: datetime, kept_days: int) -> int:
    """Remove runs of `job` that succeeded more than `kept_days` ago with their logs, and ticks of `schedule`.

    `now` has a time zone. The oldest go first. Returns how many runs were removed.
    """
    before = now - timedelta(days=kept_days)
    old = instance.get_runs(
        dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS], created_before=before),
        limit=AT_ONCE,
        ascending=True,
    )
    for run in old:
        instance.compute_log_manager.delete_logs(prefix=[run.run_id])
        instance.delete_run(run.run_id)
    for state in instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE):
        if state.instigator_name == schedule:
            instance.purge_ticks(
                state.instigator_origin_id,
                state.selector_id,
                before.timestamp(),
                [TickStatus.SUCCESS, TickStatus.SKIPPED],
            )
    return len(old)
