"""Takes state along where a schedule, a sensor or a run is known by another repository after a switch.

Dagster keeps on or off, cursor and ticks by location, repository and name (`InstigatorState`), looks for runs
of a run key within the sensor's repository (dagster._daemon.sensor, fetch_existing_runs), and asks run status
sensors about runs of their own repository alone. Nothing ticks twice: what comes is stopped before the switch
and takes over when the tick of the one before it has ended, which is stopped then.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from playground_ops.core.model import Location
from playground_ops.core.moving import Move, Moved
from playground_ops.targets.common.instance import fresh_data, instigator_origin, opened
from playground_ops.targets.common.server_protocol import Address

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun, RunsFilter
    from dagster._core.remote_origin import RemoteRepositoryOrigin
    from dagster._core.scheduler.instigation import (
        InstigatorStatus,
        InstigatorTick,
        ScheduleInstigatorData,
        SensorInstigatorData,
    )

PAGE = 500
DANGLING_SECONDS = 600.0
"""A tick that began before that was left by a daemon that was killed."""


def hold(home: Path, location: Location, address: Address, move: Move) -> None:
    """Before the switch: write what is known of each under its new name, stopped."""
    from dagster._core.scheduler.instigation import InstigatorStatus

    with opened(home) as instance:
        for one in move.automations:
            there = _States(instance, location, address, one)
            if there.before is not None:
                there.write(InstigatorStatus.STOPPED)


def carry(home: Path, location: Location, address: Address, move: Move, *, ticking: bool) -> list[Moved]:
    """After the switch: let each go on under its new name, and stop it under the old one. May be repeated.

    Returns those left as they are because a tick of theirs is under way; none if `ticking` ones go too.
    """
    busy = []
    with opened(home) as instance:
        if move.repositories:
            _take_along(instance, location.name, move.repositories)
        for one in move.automations:
            there = _States(instance, location, address, one)
            if there.is_ticking() and not ticking:
                busy.append(one)
                continue
            if one.before.kind == "sensor":
                _take_run_keys_along(instance, location.name, one)
            there.go_on()
    return busy


class _States:
    """The state of one schedule or sensor, under both of its names."""

    def __init__(self, instance: DagsterInstance, location: Location, address: Address, one: Moved) -> None:
        self._instance, self._location, self._one = instance, location, one
        self._old, self._new = (
            instigator_origin(location.name, address, automation) for automation in (one.before, one.after)
        )
        self.before, self.after = (
            instance.get_instigator_state(origin.get_id(), origin.get_selector().get_id())
            for origin in (self._old, self._new)
        )

    def is_ticking(self) -> bool:
        from dagster._core.scheduler.instigation import TickStatus

        last = self._last_tick()
        if last is None or last.status is not TickStatus.STARTED:
            return False
        return time.time() - last.timestamp < DANGLING_SECONDS

    def go_on(self) -> None:
        from dagster._core.scheduler.instigation import InstigatorStatus

        if self.before is None:
            # The scheduler itself deletes what is as the code says and is gone from the workspace.
            lost = self.after is not None and self.after.status is InstigatorStatus.STOPPED
            if lost and self._location.automation == "on":
                self.write(InstigatorStatus.DECLARED_IN_CODE)
        elif self.before.status is not InstigatorStatus.STOPPED:
            self.write(self.before.status)
            self._instance.update_instigator_state(self.before.with_status(InstigatorStatus.STOPPED))

    def write(self, status: InstigatorStatus) -> None:
        """Store the state under its new name."""
        from dagster._core.definitions.run_request import InstigatorType
        from dagster._core.scheduler.instigation import InstigatorState

        kind = InstigatorType.SCHEDULE if self._one.after.kind == "schedule" else InstigatorType.SENSOR
        made = InstigatorState(self._new, kind, status, self._data())
        if self.after is not None and self.after.instigator_type is kind:
            self._instance.update_instigator_state(made)
        else:
            if self.after is not None:
                ids = self._new.get_id(), self._new.get_selector().get_id()
                self._instance.delete_instigator_state(*ids)
            self._instance.add_instigator_state(made)

    def _data(self) -> ScheduleInstigatorData | SensorInstigatorData:
        from dagster._core.scheduler.instigation import ScheduleInstigatorData, SensorInstigatorData

        fresh = fresh_data(self._one.after)
        state = self.before or self.after
        known = state.instigator_data if state else None
        if isinstance(fresh, ScheduleInstigatorData):
            same = isinstance(known, ScheduleInstigatorData) and known.cron_schedule == fresh.cron_schedule
            if not same or not isinstance(known, ScheduleInstigatorData):
                return fresh._replace(start_timestamp=time.time())  # from now on, by the other cron
            start = max(known.start_timestamp or 0.0, self._evaluated_until()) or time.time()
            return known._replace(start_timestamp=start)
        if not isinstance(known, SensorInstigatorData):
            return fresh
        if known.sensor_type and fresh.sensor_type and known.sensor_type is not fresh.sensor_type:
            return fresh  # another type's cursor means something else
        return known._replace(min_interval=fresh.min_interval, sensor_type=fresh.sensor_type)

    def _evaluated_until(self) -> float:
        """Return the time from which a schedule has not been evaluated, as the scheduler itself reads it."""
        from dagster._core.scheduler.instigation import TickStatus

        last = self._last_tick()
        if last is None:
            return 0.0
        return last.timestamp if last.status is TickStatus.STARTED else last.timestamp + 1

    def _last_tick(self) -> InstigatorTick | None:
        ids = self._old.get_id(), self._old.get_selector().get_id()
        return next(iter(self._instance.get_ticks(*ids, limit=1)), None)


def _take_run_keys_along(instance: DagsterInstance, location: str, one: Moved) -> None:
    """Let a sensor find its earlier runs: it would request them all again, one for each run key."""
    from dagster import RunsFilter
    from dagster._core.storage.tags import RUN_KEY_TAG, SENSOR_NAME_TAG

    of_sensor = RunsFilter(tags={SENSOR_NAME_TAG: one.before.name})
    keyed = [run for run in _runs(instance, of_sensor) if RUN_KEY_TAG in run.tags]
    _reassign(instance, keyed, location, (one.before.repository, one.after.repository))


def _take_along(instance: DagsterInstance, location: str, repositories: tuple[str, str]) -> None:
    """Let what is under way be known to the sensors that watch it, be tried again, and be gone on with."""
    from dagster import DagsterRunStatus, RunsFilter
    from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus
    from dagster._core.remote_origin import RemotePartitionSetOrigin

    # Not those that are being launched now: they are written at the same time.
    settled = [DagsterRunStatus.QUEUED, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
    _reassign(instance, list(_runs(instance, RunsFilter(statuses=settled))), location, repositories)
    for backfill in instance.get_backfills(BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED])):
        origin = backfill.partition_set_origin
        if origin is not None and _is_of(origin.repository_origin, location, repositories[0]):
            there = _renamed(origin.repository_origin, repositories[1])
            moved = RemotePartitionSetOrigin(
                repository_origin=there, partition_set_name=origin.partition_set_name
            )
            instance.update_backfill(backfill._replace(partition_set_origin=moved))


def _runs(instance: DagsterInstance, wanted: RunsFilter) -> Iterator[DagsterRun]:
    cursor = None
    while page := instance.get_runs(wanted, cursor=cursor, limit=PAGE):
        yield from page
        cursor = page[-1].run_id


def _reassign(
    instance: DagsterInstance, runs: Sequence[DagsterRun], location: str, repositories: tuple[str, str]
) -> None:
    from dagster._core.remote_origin import RemoteJobOrigin

    before, after = repositories
    for run in runs:
        origin = run.remote_job_origin
        if origin is not None and _is_of(origin.repository_origin, location, before):
            there = _renamed(origin.repository_origin, after)
            moved = RemoteJobOrigin(repository_origin=there, job_name=origin.job_name)
            instance.run_storage.replace_job_origin(run, moved)


def _is_of(origin: RemoteRepositoryOrigin, location: str, repository: str) -> bool:
    there = origin.code_location_origin.location_name
    return there == location and origin.repository_name == repository


def _renamed(origin: RemoteRepositoryOrigin, repository: str) -> RemoteRepositoryOrigin:
    from dagster._core.remote_origin import RemoteRepositoryOrigin

    return RemoteRepositoryOrigin(
        code_location_origin=origin.code_location_origin, repository_name=repository
    )
