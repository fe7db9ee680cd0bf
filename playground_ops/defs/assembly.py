"""The definitions of `ops`, made from the configuration: its locations are assets and sensors."""

import os
from collections.abc import Sequence

import dagster as dg

from playground_ops.config import Configuration
from playground_ops.context import (
    configuration_comes_with_the_code,
    configuration_here,
    is_inside,
    refuse_what_needs_bootstrap,
)
from playground_ops.core.errors import Finding, PlaygroundError
from playground_ops.core.messages import message
from playground_ops.defs.assets import component_assets
from playground_ops.defs.checks import health_checks, health_job
from playground_ops.defs.jobs.approve import approve_job, reject_job
from playground_ops.defs.jobs.backup import backup_job
from playground_ops.defs.jobs.collect_logs import collect_logs_job
from playground_ops.defs.jobs.compare import compare_job
from playground_ops.defs.jobs.deploy import deploy_job, plan_job
from playground_ops.defs.jobs.rollouts import promote_job, redeploy_job, rollback_job
from playground_ops.defs.resources import StackOpener
from playground_ops.defs.schedules import backup_schedules, health_schedule
from playground_ops.defs.sensors.health import health_sensor
from playground_ops.defs.sensors.push import follow_sensors
from playground_ops.defs.sensors.rollout_records import rollout_records
from playground_ops.defs.uis import uis
from playground_ops.engine.health.examine import parts_of
from playground_ops.places import configuration_file


def definitions(opener: StackOpener | None = None) -> dg.Definitions:
    """Build the definitions, even with a faulty configuration: `ops` must be there to report its faults.

    An exception is a configuration that comes with the code: there the candidate reports the faults and
    fails, and another release serves.
    """
    try:
        configuration = configuration_here()
        refuse_what_needs_bootstrap(configuration)
        return _definitions(configuration, opener)
    except PlaygroundError as error:
        if configuration_comes_with_the_code():
            print(message("finding", **_in_one(error.findings).model_dump(mode="json")), flush=True)
            raise
        dg.get_dagster_logger().warning(f"There is no configuration; jobs will fail with this: {error}")
        return _definitions(Configuration(source=str(configuration_file()), locations=()), opener)


def _definitions(configuration: Configuration, opener: StackOpener | None) -> dg.Definitions:
    locations = configuration.all_locations
    parts = parts_of(configuration, is_inside())
    checks = health_checks(parts)
    check_job = health_job(checks)
    return dg.Definitions(
        assets=component_assets(configuration, [*parts], uis(configuration), _in_force(configuration)),
        asset_checks=[checks],
        jobs=[
            *(redeploy_job, rollback_job, promote_job, compare_job),
            *(plan_job, deploy_job, approve_job, reject_job, backup_job, check_job, collect_logs_job),
        ],
        schedules=[
            health_schedule(check_job, configuration.health.interval_minutes),
            *backup_schedules(configuration.postgres.backups),
        ],
        sensors=[rollout_records, health_sensor(parts, check_job), *follow_sensors(locations)],
        resources={"stack": opener or StackOpener()},
        executor=dg.in_process_executor,
    )


def _in_force(configuration: Configuration) -> str:
    """Return which configuration is in force, and where it is from."""
    if not configuration_comes_with_the_code():
        return configuration.source
    commit, repository = os.environ.get("PLAYGROUND_COMMIT", ""), configuration.ops.repository
    return f"{configuration_file().name} of commit {commit} of {repository}"


def _in_one(findings: Sequence[Finding]) -> Finding:
    """Join all faults into one finding, since a pod reports only one."""
    first, *more = findings
    observed = [first.observed, *(f"{one.object}: {one.observed}" for one in more)]
    whole = "\n".join(one.sentence() for one in findings)
    return first.model_copy(update={"observed": " ".join(observed), "evidence": whole})
