"""What Dagster's own instance and daemon know of a schedule or sensor goes with it to another repository."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunRequest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.remote_origin import RemoteJobOrigin, RemotePartitionSetOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._daemon.sensor import fetch_existing_runs

from playground_ops.core.loaded import Automation, LoadedCode
from playground_ops.core.model import Location
from playground_ops.core.moving import Move, Moved
from playground_ops.targets.common import carrying
from playground_ops.targets.common.code_server import origin_of
from playground_ops.targets.common.instance import (
    instigator_origin,
    release_automations,
    stop_automations,
)
from playground_ops.targets.common.server_protocol import Address

ADDRESS = Address(socket="/run/a.location.sock")
OLD, NEW = "sales", "__repository__"
RUNNING, STOPPED, BY_CODE = (
    InstigatorStatus.RUNNING,
    InstigatorStatus.STOPPED,
    InstigatorStatus.DECLARED_IN_CODE,
)
NUMBER = iter(range(1000))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def there(home: Path) -> Iterator[DagsterInstance]:
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}")
    with DagsterInstance.from_config(str(home)) as made:
        yield made


@pytest.fixture
def location() -> Location:
    """One for each test: the instance is shared."""
    return Location(name=f"a{next(NUMBER)}")


def schedule(cron: str = "* * * * *") -> Moved:
    before, after = (
        Automation(repository=name, name="s", kind="schedule", runs_by_default=True, cron=(cron,))
        for name in (OLD, NEW)
    )
    return Moved(before=before, after=after)


def sensor(*types: str) -> Moved:
    before, after = (
        Automation(
            repository=name,
            name="s",
            kind="sensor",
            runs_by_default=True,
            interval_seconds=30,
            sensor_type=kind,
        )
        for name, kind in zip((OLD, NEW), types or ("STANDARD", "STANDARD"), strict=True)
    )
    return Moved(before=before, after=after)


class Known:
    """What the instance knows of one location's schedule or sensor."""

    def __init__(self, there: DagsterInstance, home: Path, location: Location, one: Moved) -> None:
        self.there, self.home, self.location, self.one = there, home, location, one
        self.kind = InstigatorType.SCHEDULE if one.before.kind == "schedule" else InstigatorType.SENSOR

    def of(self, automation: Automation) -> InstigatorState | None:
        origin = instigator_origin(self.location.name, ADDRESS, automation)
        return self.there.get_instigator_state(origin.get_id(), origin.get_selector().get_id())

    def set(self, automation: Automation, status: InstigatorStatus, data: Any) -> None:
        origin = instigator_origin(self.location.name, ADDRESS, automation)
        self.there.add_instigator_state(InstigatorState(origin, self.kind, status, data))

    def ticks(self, status: TickStatus, when: float) -> Any:
        origin = instigator_origin(self.location.name, ADDRESS, self.one.before)
        return self.there.create_tick(
            TickData(
                instigator_origin_id=origin.get_id(),
                instigator_name="s",
                instigator_type=self.kind,
                status=status,
                timestamp=when,
                selector_id=origin.get_selector().get_id(),
                run_ids=[],
            )
        )

    def hold(self, move: Move | None = None) -> None:
        carrying.hold(self.home, self.location, ADDRESS, move or Move(automations=(self.one,)))

    def carry(self, move: Move | None = None, *, ticking: bool = False) -> list[Moved]:
        moved = move or Move(automations=(self.one,))
        return carrying.carry(self.home, self.location, ADDRESS, moved, ticking=ticking)

    def statuses(self) -> list[InstigatorStatus | None]:
        states = [self.of(self.one.before), self.of(self.one.after)]
        return [state and state.status for state in states]


@pytest.mark.parametrize("status", [RUNNING, BY_CODE, STOPPED])
def test_a_sensor_is_on_or_off_as_before_with_its_cursor_and_back(
    there: DagsterInstance, home: Path, location: Location, status: InstigatorStatus
) -> None:
    known = Known(there, home, location, sensor())
    data = SensorInstigatorData(cursor="17", last_run_key="k", last_tick_timestamp=5.0, min_interval=30)
    known.set(known.one.before, status, data)
    known.hold()
    assert known.statuses() == [status, STOPPED], "nothing may tick under the new name yet"
    for _ in range(2):
        assert known.carry() == []
        assert known.statuses() == [STOPPED, status]
    found = known.of(known.one.after)
    assert found is not None and found.sensor_instigator_data is not None
    assert found.sensor_instigator_data._replace(sensor_type=None) == data

    back = Move(automations=(known.one,)).turned_round
    there.update_instigator_state(found.with_data(data._replace(cursor="18")))
    known.hold(back)
    known.carry(back)
    assert known.statuses() == [status, STOPPED]
    found = known.of(known.one.before)
    assert found is not None and found.sensor_instigator_data is not None
    assert found.sensor_instigator_data.cursor == "18"


def test_another_type_of_sensor_begins_without_a_cursor(
    there: DagsterInstance, home: Path, location: Location
) -> None:
    known = Known(there, home, location, sensor("STANDARD", "RUN_STATUS"))
    known.set(known.one.before, RUNNING, SensorInstigatorData(cursor="17", sensor_type=None))
    there.update_instigator_state(known.of(known.one.before).with_data(_standard("17")))  # type: ignore[union-attr]
    known.hold()
    known.carry()
    found = known.of(known.one.after)
    assert found is not None and found.sensor_instigator_data is not None
    assert (found.status, found.sensor_instigator_data.cursor) == (RUNNING, None)


def _standard(cursor: str) -> SensorInstigatorData:
    from dagster._core.definitions.sensor_definition import SensorType

    return SensorInstigatorData(cursor=cursor, sensor_type=SensorType.STANDARD)


def test_a_tick_under_way_is_left_until_it_ends_or_nobody_waits_any_longer(
    there: DagsterInstance, home: Path, location: Location
) -> None:
    known = Known(there, home, location, sensor())
    known.set(known.one.before, RUNNING, SensorInstigatorData(cursor="17"))
    tick = known.ticks(TickStatus.STARTED, time.time())
    known.hold()
    assert known.carry() == [known.one]
    assert known.statuses() == [RUNNING, STOPPED]
    state = known.of(known.one.before)
    assert state is not None
    there.update_instigator_state(state.with_data(SensorInstigatorData(cursor="18")))
    there.update_tick(tick.with_status(TickStatus.SUCCESS))
    assert known.carry() == []
    found = known.of(known.one.after)
    assert found is not None and found.sensor_instigator_data is not None
    assert found.sensor_instigator_data.cursor == "18"


def test_nobody_waits_for_a_tick_that_a_dead_daemon_left_or_longer_than_it_was_said(
    there: DagsterInstance, home: Path, location: Location
) -> None:
    known = Known(there, home, location, sensor())
    known.set(known.one.before, RUNNING, SensorInstigatorData())
    known.ticks(TickStatus.STARTED, time.time() - 3600)
    assert known.carry() == []
    known.ticks(TickStatus.STARTED, time.time())
    assert known.carry() != []
    assert known.carry(ticking=True) == []


@pytest.mark.parametrize(("status", "plus"), [(TickStatus.SUCCESS, 1), (TickStatus.STARTED, 0)])
def test_a_schedule_goes_on_after_its_last_tick_and_repeats_none(
    there: DagsterInstance, home: Path, location: Location, status: TickStatus, plus: int
) -> None:
    known = Known(there, home, location, schedule())
    ticked = time.time() - 30
    known.set(known.one.before, RUNNING, ScheduleInstigatorData("* * * * *", ticked - 1000, ticked - 500))
    known.hold()
    known.ticks(status, ticked)  # it ticked once more after that
    known.carry(ticking=True)
    found = known.of(known.one.after)
    assert found is not None
    assert found.status is RUNNING
    assert found.instigator_data == ScheduleInstigatorData("* * * * *", ticked + plus, ticked - 500)


def test_a_schedule_with_another_cron_ticks_from_now_on(
    there: DagsterInstance, home: Path, location: Location
) -> None:
    one = Moved(before=schedule("0 0 * * *").before, after=schedule("* * * * *").after)
    known = Known(there, home, location, one)
    known.set(one.before, RUNNING, ScheduleInstigatorData("0 0 * * *", 1.0, 2.0))
    began = time.time()
    known.hold()
    known.carry()
    found = known.of(one.after)
    assert found is not None and isinstance(found.instigator_data, ScheduleInstigatorData)
    assert found.instigator_data.cron_schedule == "* * * * *"
    assert (found.instigator_data.start_timestamp or 0) >= began


def test_a_schedule_whose_state_the_scheduler_deleted_meanwhile_is_as_the_code_says(
    there: DagsterInstance, home: Path, location: Location
) -> None:
    """It does so at once with what is as the code says and is gone from the workspace."""
    known = Known(there, home, location, schedule())
    known.set(known.one.before, BY_CODE, ScheduleInstigatorData("* * * * *", 7.0))
    known.hold()
    origin = instigator_origin(location.name, ADDRESS, known.one.before)
    there.delete_instigator_state(origin.get_id(), origin.get_selector().get_id())
    known.carry()
    found = known.of(known.one.after)
    assert found is not None
    assert (found.status, found.instigator_data) == (BY_CODE, ScheduleInstigatorData("* * * * *", 7.0))


def test_what_nobody_has_touched_stays_untouched(
    there: DagsterInstance, home: Path, location: Location
) -> None:
    known = Known(there, home, location, sensor())
    known.hold()
    known.carry()
    assert known.statuses() == [None, None]


def test_where_automation_is_off_a_person_s_choice_goes_along_and_on_again_is_on_for_both(
    there: DagsterInstance, home: Path, location: Location
) -> None:
    off = location.model_copy(update={"automation": "off"})
    known = Known(there, home, off, sensor())
    before, after = (
        LoadedCode(server_id="x", working_directories=(), automations=(one,))
        for one in (known.one.before, known.one.after)
    )
    stopped = stop_automations(home, off.name, ADDRESS, before, [])
    state = known.of(known.one.before)
    assert state is not None
    there.update_instigator_state(state.with_status(RUNNING))
    stopped = stop_automations(home, off.name, ADDRESS, after, stopped)
    known.hold()
    known.carry()
    assert known.statuses() == [STOPPED, RUNNING]

    known = Known(there, home, location.model_copy(update={"name": f"{location.name}-2"}), sensor())
    stopped = stop_automations(home, known.location.name, ADDRESS, before, [])
    release_automations(home, known.location.name, ADDRESS, after, stopped)
    known.hold()
    known.carry()
    assert known.statuses() == [STOPPED, BY_CODE]


def repository(location: str, name: str) -> RemoteRepositoryOrigin:
    return RemoteRepositoryOrigin(code_location_origin=origin_of(location, ADDRESS), repository_name=name)


def run(there: DagsterInstance, location: str, status: str, **tags: str) -> str:
    origin = RemoteJobOrigin(repository_origin=repository(location, OLD), job_name="j")
    labels = {**{f"dagster/{key}": value for key, value in tags.items()}, ".dagster/repository": "x"}
    made = DagsterRun("j", status=DagsterRunStatus(status), remote_job_origin=origin, tags=labels)
    return there.add_run(made).run_id


def repository_of(there: DagsterInstance, run_id: str) -> str:
    found = there.get_run_by_id(run_id)
    assert found is not None and found.remote_job_origin is not None
    return found.remote_job_origin.repository_origin.repository_name


def test_a_sensor_requests_no_run_again_that_it_requested_before(
    there: DagsterInstance, home: Path, location: Location
) -> None:
    known = Known(there, home, location, sensor())
    known.set(known.one.before, RUNNING, SensorInstigatorData())
    mine = {"sensor_name": "s", "run_key": "file_1"}
    run_id = run(there, location.name, "SUCCESS", **mine)
    others = [run(there, "elsewhere", "SUCCESS", **mine), run(there, location.name, "SUCCESS")]

    def requested() -> list[str]:
        origin = instigator_origin(location.name, ADDRESS, known.one.after)
        remote: Any = SimpleNamespace(name="s", get_remote_origin=lambda: origin)
        return [one.run_id for one in fetch_existing_runs(there, remote, [RunRequest("file_1")]).values()]

    known.hold()
    assert requested() == []
    known.carry()
    assert requested() == [run_id]
    assert {repository_of(there, one) for one in others} == {OLD}


def test_what_is_under_way_is_known_to_the_new_repository(
    there: DagsterInstance, home: Path, location: Location
) -> None:
    """So sensors that watch runs are asked about it, it is tried again, and its backfill goes on."""
    runs = {status: run(there, location.name, status) for status in ("QUEUED", "STARTED", "SUCCESS")}
    elsewhere = run(there, "elsewhere", "STARTED")
    origin = RemotePartitionSetOrigin(
        repository_origin=repository(location.name, OLD), partition_set_name="j_partition_set"
    )
    backfill = PartitionBackfill(
        backfill_id=location.name,
        status=BulkActionStatus.REQUESTED,
        from_failure=False,
        tags={},
        backfill_timestamp=1.0,
        partition_set_origin=origin,
        partition_names=["1"],
    )
    there.add_backfill(backfill)
    known = Known(there, home, location, sensor())
    known.carry(Move(repositories=(OLD, NEW)))
    assert {status: repository_of(there, one) for status, one in runs.items()} == {
        "QUEUED": NEW,
        "STARTED": NEW,
        "SUCCESS": OLD,
    }
    assert repository_of(there, elsewhere) == OLD
    found = there.get_backfill(location.name)
    assert found is not None and found.partition_set_origin is not None
    assert found.partition_set_origin.repository_origin.repository_name == NEW
    there.update_backfill(found._replace(status=BulkActionStatus.COMPLETED))
