"""The definitions of `ops`, made from the configuration: its locations are assets and sensors."""

import dagster as dg

from playground_ops.config import Configuration
from playground_ops.config.configuration import OPS
from playground_ops.defs.assets import component_assets
from playground_ops.defs.backups import backup_job, backup_schedules
from playground_ops.defs.comparing import compare_job
from playground_ops.defs.deploying import deploy_job, plan_job
from playground_ops.defs.following import follow_sensor
from playground_ops.defs.health import health_checks, health_job, health_schedule
from playground_ops.defs.opener import StackOpener
from playground_ops.defs.recording import rollout_records
from playground_ops.defs.rollouts import promote_job, redeploy_job, rollback_job
from playground_ops.errors import PlaygroundError
from playground_ops.opening import configuration_file, configuration_here


def definitions(opener: StackOpener | None = None) -> dg.Definitions:
    """Loads with a faulty configuration too: `ops` must be there to say what is wrong with it."""
    try:
        return _definitions(configuration_here(), opener)
    except PlaygroundError as error:
        dg.get_dagster_logger().warning(f"There is no configuration; jobs will fail with this: {error}")
        return _definitions(Configuration(source=str(configuration_file()), locations=()), opener)


def _definitions(configuration: Configuration, opener: StackOpener | None) -> dg.Definitions:
    locations = (OPS, *configuration.locations)
    checks = health_checks(["webserver", "daemon", *(location.name for location in locations)])
    check_job = health_job(checks)
    return dg.Definitions(
        assets=component_assets(locations),
        asset_checks=[checks],
        jobs=[
            *(redeploy_job, rollback_job, promote_job, compare_job),
            *(plan_job, deploy_job, backup_job, check_job),
        ],
        schedules=[
            health_schedule(check_job, configuration.health.interval_minutes),
            *backup_schedules(configuration.postgres.backups),
        ],
        sensors=[rollout_records, *(follow_sensor(found) for found in locations if found.follow)],
        resources={"stack": opener or StackOpener()},
        executor=dg.in_process_executor,
    )
