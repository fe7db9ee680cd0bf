"""The stack's own runs do not pile up: a look every few minutes is a hundred thousand runs in a year.

Only what the scheduled look leaves when all went well; other runs are a person's, and stay.
"""

from datetime import datetime, timedelta

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import TickStatus

AT_ONCE = 50
"""Runs that one look removes: more than come in the meantime, and few enough to cost it little."""


def forget(instance: dg.DagsterInstance, job: str, schedule: str, now: datetime, kept_days: int) -> int:
    """Remove runs of `job` that succeeded more than `kept_days` ago with their logs, and ticks of `schedule`.

    `now` has a time zone. The oldest go first; returns how many runs went.
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
