"""Writes to the Dagster instance on behalf of a rollout.

Everything here imports Dagster, so callers import it only when there is something to write.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from playground_ops.core.errors import PlaygroundError
from playground_ops.core.loaded import Automation, LoadedCode
from playground_ops.core.model import MAIN
from playground_ops.core.redact import redact
from playground_ops.diagnose.database import explain_database
from playground_ops.render.database import DATABASE, deployment_of
from playground_ops.render.runs import commits
from playground_ops.targets.common.code_server import origin_of
from playground_ops.targets.common.server_protocol import Address

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from dagster._core.remote_origin import RemoteInstigatorOrigin
    from dagster._core.scheduler.instigation import (
        InstigatorStatus,
        ScheduleInstigatorData,
        SensorInstigatorData,
    )


GRPC_INFO_TAG = ".dagster/grpc_info"


@dataclass(frozen=True)
class InFlight:
    """A run that has begun and not ended."""

    run_id: str
    server: Address
    """The server where it was launched, or where it was found when its server retired."""
    started: float
    """Seconds since 1970."""


def initialise(dagster_home: Path) -> None:
    """Create the tables once, before servers that would do it at the same time are started."""
    with opened(dagster_home) as instance:
        instance.get_runs_count()
        instance.all_instigator_state()
        instance.get_asset_keys(limit=1)


def point_runs_at(dagster_home: Path, run_ids: Iterable[str], address: Address) -> None:
    """Tag runs in flight with the address of the server they are on.

    The default launcher wrote the location's address, which leads elsewhere after a switch; to end a
    run it sends the request to the address in this tag.
    """
    with opened(dagster_home) as instance:
        for run_id in run_ids:
            instance.add_run_tags(run_id, {GRPC_INFO_TAG: json.dumps(address.tag)})


def fail_runs(
    dagster_home: Path, run_ids: Collection[str], why: Callable[[InFlight], str | None]
) -> list[str]:
    """Mark runs failed, or canceled where that was asked for, for which `why` returns how they were lost."""
    from dagster import DagsterRunStatus

    sentences = []
    with opened(dagster_home) as instance:
        for run_id in run_ids:
            record = instance.get_run_record_by_id(run_id)
            run = record.dagster_run if record else None
            if record is None or run is None or run.is_finished or not record.start_time:
                continue
            reason = why(InFlight(run_id, _address(run.tags.get(GRPC_INFO_TAG, "{}")), record.start_time))
            if reason is None:
                continue
            if run.status is DagsterRunStatus.CANCELING:
                instance.report_run_canceled(run, message=reason)
            else:
                instance.report_run_failed(run, message=reason)
            _free_slots(instance, run_id)
            sentences.append(f"run {run_id} of {run.job_name}: {reason}")
    return sentences


def _free_slots(instance: DagsterInstance, run_id: str) -> None:
    """Free the run's slots in pools at once: nothing of it runs any more, and others wait for them."""
    if instance.event_log_storage.supports_global_concurrency_limits:
        instance.event_log_storage.free_concurrency_slots_for_run(run_id)


def _address(tag: str) -> Address:
    found = json.loads(tag)
    return Address(found.get("host") or "", found.get("port"), found.get("socket"))


def waiting_commits(dagster_home: Path) -> list[str]:
    """Return the commits of releases with runs that are queued or about to start in pods of their own."""
    from dagster import DagsterRunStatus, RunsFilter

    waiting = [DagsterRunStatus.QUEUED, DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING]
    with opened(dagster_home) as instance:
        runs = instance.get_runs(RunsFilter(statuses=waiting))
    found = (run.job_code_origin.repository_origin.container_context for run in runs if run.job_code_origin)
    return sorted({commit for context in found for commit in commits(context or {})})


def stop_automations(
    dagster_home: Path, location: str, address: Address, loaded: LoadedCode, known: Sequence[str]
) -> list[str]:
    """Stop schedules and sensors before the location can tick; return all names known now.

    Only those not in `known` are touched: a schedule that was stopped once and that a person then started
    stays started.
    """
    from dagster._core.scheduler.instigation import InstigatorStatus

    new = [found for found in loaded.automations if _key(found) not in known]
    if new:
        with opened(dagster_home) as instance:
            for automation in new:
                _set(instance, location, address, automation, InstigatorStatus.STOPPED)
    return sorted({*known, *(_key(found) for found in new)})


def release_automations(
    dagster_home: Path, location: str, address: Address, loaded: LoadedCode, stopped: Sequence[str]
) -> None:
    """Reset what `stop_automations` had stopped to the code's own default."""
    from dagster._core.scheduler.instigation import InstigatorStatus

    with opened(dagster_home) as instance:
        for automation in loaded.automations:
            for one in _stopped_as(automation, stopped) if automation.runs_by_default else ():
                _set(instance, location, address, one, InstigatorStatus.DECLARED_IN_CODE)


def _key(automation: Automation) -> str:
    return f"{automation.kind}/{automation.repository}/{automation.name}"


def _stopped_as(automation: Automation, stopped: Sequence[str]) -> list[Automation]:
    """Return the schedule or sensor as it was stopped, perhaps in a repository of another name."""
    if _key(automation) in stopped:
        return [automation]
    known = (key.split("/", 2) for key in stopped)
    return [
        automation.model_copy(update={"repository": repository})
        for kind, repository, name in known
        if (kind, name) == (automation.kind, automation.name)
    ]


@contextmanager
def opened(dagster_home: Path) -> Iterator[DagsterInstance]:
    """Open the stack's instance. Raises PlaygroundError when its database does not answer."""
    from dagster import DagsterInstance
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with DagsterInstance.from_config(str(dagster_home)) as instance:
            yield instance
    except Exception as error:
        # dagster-postgres wraps the error on which it gave up.
        said = error if isinstance(error, SQLAlchemyError) else error.__cause__
        if isinstance(said, SQLAlchemyError):
            explained = explain_database(redact(str(said)), *_database_of(dagster_home))
            raise PlaygroundError(explained) from error
        raise


def _database_of(dagster_home: Path) -> tuple[str, str]:
    """Return the name of the database and its deployment; settings of other than the main one tell them."""
    import yaml

    try:
        settings = yaml.safe_load((dagster_home / "dagster.yaml").read_text())
        name = settings["storage"]["postgres"]["postgres_db"]["db_name"]
    except (OSError, KeyError, TypeError, yaml.YAMLError):
        name = None
    if not isinstance(name, str):
        return DATABASE, MAIN
    return name, deployment_of(name) or MAIN


def _set(
    instance: DagsterInstance,
    location: str,
    address: Address,
    automation: Automation,
    status: InstigatorStatus,
) -> None:
    from dagster._core.definitions.run_request import InstigatorType
    from dagster._core.scheduler.instigation import InstigatorState

    origin = instigator_origin(location, address, automation)
    kind = InstigatorType.SCHEDULE if automation.kind == "schedule" else InstigatorType.SENSOR
    found = instance.get_instigator_state(origin.get_id(), origin.get_selector().get_id())
    if found is not None and found.instigator_type is not kind:
        # As Dagster does: the earlier state of this name was of the other kind, and its data is of no use.
        instance.delete_instigator_state(origin.get_id(), origin.get_selector().get_id())
        found = None
    if found is None:
        instance.add_instigator_state(InstigatorState(origin, kind, status, fresh_data(automation)))
    else:
        instance.update_instigator_state(found.with_status(status))


def fresh_data(automation: Automation) -> ScheduleInstigatorData | SensorInstigatorData:
    """Return the data of one that has never ticked."""
    from dagster._core.definitions.sensor_definition import SensorType
    from dagster._core.scheduler.instigation import ScheduleInstigatorData, SensorInstigatorData

    if automation.kind == "schedule":
        cron = automation.cron[0] if len(automation.cron) == 1 else list(automation.cron)
        return ScheduleInstigatorData(cron)
    kind = SensorType(automation.sensor_type) if automation.sensor_type else None
    return SensorInstigatorData(min_interval=automation.interval_seconds, sensor_type=kind)


def instigator_origin(location: str, address: Address, automation: Automation) -> RemoteInstigatorOrigin:
    """Return what the daemon knows a schedule or a sensor by."""
    from dagster._core.remote_origin import RemoteInstigatorOrigin, RemoteRepositoryOrigin

    return RemoteInstigatorOrigin(
        repository_origin=RemoteRepositoryOrigin(
            code_location_origin=origin_of(location, address), repository_name=automation.repository
        ),
        instigator_name=automation.name,
    )
