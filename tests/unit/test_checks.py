"""What is wrong with a running stack, found in recorded observations."""

from __future__ import annotations

import shutil
from datetime import datetime, timezone
from pathlib import Path

import pytest

from playground_ops.checks import components, instance, room, ticks
from playground_ops.core.component import ComponentStatus, Database, End, Heartbeat, Room, Ticking, UnderWay
from playground_ops.core.errors import capacity
from playground_ops.core.pod import Pod
from playground_ops.targets.kubernetes.objects.components import usage_of

WELL = [Heartbeat(daemon=name, required=True, age_seconds=20.0) for name in ("SENSOR", "SCHEDULER")]


def silent(*names: str, age_seconds: float | None = 900.0) -> list[Heartbeat]:
    return [
        one.model_copy(update={"age_seconds": age_seconds}) if one.daemon in names else one for one in WELL
    ]


def test_daemons_that_are_heard_of_are_well() -> None:
    backfill = Heartbeat(daemon="BACKFILL", required=False, age_seconds=None)
    assert instance.check_daemons([*WELL, backfill]) == []


def test_a_daemon_that_is_down_is_one_finding_and_what_it_means() -> None:
    (found,) = instance.check_daemons(silent("SENSOR", "SCHEDULER"))
    assert found.observed == "Not heard of since 15 min: sensor, scheduler."
    assert "process is down" in found.cause
    assert "no run is taken from the queue" in found.fix


def test_one_loop_that_is_stuck_is_not_the_whole_daemon() -> None:
    (found,) = instance.check_daemons(silent("SENSOR"))
    assert found.observed == "Not heard of since 15 min: sensor."
    assert "One of its loops is stuck" in found.cause


def test_a_daemon_that_was_never_heard_of_is_said_to_be_so() -> None:
    (found,) = instance.check_daemons(silent("SENSOR", "SCHEDULER", age_seconds=None))
    assert found.observed == "Not heard of ever: sensor, scheduler."


def test_what_a_daemon_reports_is_told_in_its_own_words() -> None:
    failing = WELL[0].model_copy(update={"errors": ("ValueError: no such run\n  at line 3",)})
    (found,) = instance.check_daemons([failing, WELL[1]])
    assert (found.object, found.cause) == ("daemon/sensor", "ValueError: no such run")
    assert "at line 3" in found.evidence


def test_a_schedule_with_the_name_of_a_sensor_is_told_as_that() -> None:
    words = "DagsterInvariantViolationError: InstigatorState 06b9c2 is already present in storage"
    (found,) = instance.check_daemons([WELL[0].model_copy(update={"errors": (words,)}), WELL[1]])
    assert found.cause.startswith("A schedule has the name that a sensor")
    assert words in found.evidence


@pytest.mark.parametrize(
    "words",
    [
        "dagster._core.errors.DagsterUserCodeUnreachableError: Could not reach user code server",
        "dagster_postgres.utils.DagsterPostgresException: too many retries for DB connection",
    ],
)
def test_a_server_or_a_database_that_does_not_answer_is_no_fault_of_the_daemon(words: str) -> None:
    assert instance.check_daemons([WELL[0].model_copy(update={"errors": (words,)}), WELL[1]]) == []


def run(status: str, seconds: float, location: str | None = "a") -> UnderWay:
    return UnderWay(run_id="r1", job="load", location=location, status=status, seconds=seconds)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "seconds", "cause"),
    [
        ("QUEUED", 700, "a limit of concurrency"),
        ("STARTING", 400, "has died or was never made"),
        ("NOT_STARTED", 400, "has died or was never made"),
        ("CANCELING", 400, "Its process does not end"),
    ],
)
def test_a_run_that_does_not_go_on_says_why_and_what_frees_it(
    status: str, seconds: float, cause: str
) -> None:
    found = instance.check_runs([run(status, seconds)])
    ((finding,),) = found.values()
    assert list(found) == ["a"]
    assert finding.object == "run/r1"
    assert f"load is {status} for {seconds / 60:.0f} min." == finding.observed
    assert cause in finding.cause
    assert finding.fix


@pytest.mark.parametrize(
    ("status", "seconds"), [("QUEUED", 500), ("STARTING", 200), ("CANCELING", 200), ("STARTED", 90000)]
)
def test_a_run_that_takes_its_time_is_well(status: str, seconds: float) -> None:
    assert instance.check_runs([run(status, seconds)]) == {}


def test_a_run_of_no_location_is_the_daemon_s() -> None:
    assert list(instance.check_runs([run("QUEUED", 900, None)])) == ["daemon"]


def tick(location: str = "a", **more: object) -> Ticking:
    given = {"kind": "sensor", "name": "new_files", "running": True, "last": "SUCCESS", "age_seconds": 40.0}
    return Ticking(location=location, **{**given, "every_seconds": 30.0, **more})  # type: ignore[arg-type]


def test_what_ticks_well_or_is_off_is_well() -> None:
    off = tick(name="off", running=False, last="FAILURE", error="ValueError: x")
    assert (
        ticks.check([tick(), off, tick("b", running=False), tick(name="young", last=None, age_seconds=None)])
        == {}
    )


def test_a_tick_is_no_import() -> None:
    error = 'Traceback (most recent call last):\n  File "x.py", line 3, in look\nConnectionRefusedError: no'
    failing = Ticking(location="a", kind="schedule", name="s", running=True, last="FAILURE", error=error)
    ((finding,),) = ticks.check([failing]).values()
    assert finding.cause == "Something on the network that the code uses did not answer."


def test_a_tick_that_fails_is_told_with_what_was_raised() -> None:
    error = "Traceback (most recent call last):\n  File \"x.py\", line 3, in look\nKeyError: 'price'\n"
    ((finding,),) = ticks.check([tick(last="FAILURE", error=error)]).values()
    assert finding.object == "sensor/new_files"
    assert "KeyError: 'price'" in finding.observed
    assert "rollback a" in finding.fix


RESUMES = (
    "Unable to reach the user code server for sensor x. Sensor will resume execution once it is available."
)
SLOW = "User code server request timed out due to taking longer than 60 seconds to complete."


@pytest.mark.parametrize(
    ("words", "observed"),
    [
        ("Could not reach user code server. gRPC Error code: UNAVAILABLE", "did not reach the server of a"),
        (RESUMES, "did not reach the server of a"),
        (SLOW, "took longer"),
    ],
)
def test_a_server_that_was_away_at_a_tick_is_no_fault_of_its_code(words: str, observed: str) -> None:
    error = (
        f"Traceback (most recent call last):\ndagster._core.errors.DagsterUserCodeUnreachableError: {words}"
    )
    ((finding,),) = ticks.check([tick(last="FAILURE", error=error)]).values()
    assert observed in finding.observed
    assert "definitions" not in finding.cause


def test_a_sensor_that_stands_still_is_told() -> None:
    ((finding,),) = ticks.check([tick(age_seconds=1200.0)]).values()
    assert finding.observed == "It last ticked 20 min ago and is to tick every 30 s."


def test_a_slow_sensor_is_not_late() -> None:
    assert ticks.check([tick(age_seconds=4000.0, every_seconds=3600.0)]) == {}


def test_what_is_on_in_two_locations_is_told_of_the_second() -> None:
    schedule = {"kind": "schedule", "name": "nightly", "every_seconds": None}
    found = ticks.check([tick("a", **schedule), tick("b", **schedule)])
    assert list(found) == ["b"]
    assert found["b"][0].observed == "It is on in b and in a."


@pytest.mark.parametrize("server", ["1.14.0", "1.20.3", "2.0.0"])
def test_a_server_whose_dagster_is_newer_than_the_webservers_is_told(server: str) -> None:
    (found,) = components.check_versions("1.13.4", {"a": server, "b": "1.13.4"})["a"]
    assert found.observed == f"Its server has Dagster {server}; the webserver and the daemon have 1.13.4."


@pytest.mark.parametrize("server", ["1.13.4", "1.13.9", "1.11.0", "0.9", "1!0+dev"])
def test_an_older_one_is_what_dagster_supports(server: str) -> None:
    assert components.check_versions("1.13.4", {"a": server}) == {}


GIB = 1024**3


@pytest.mark.parametrize(
    ("total", "free", "is_well"),
    [(10 * GIB, 2 * GIB, True), (10 * GIB, GIB // 2, False), (1000 * GIB, 11 * GIB, True), (0, 0, True)],
)
def test_a_volume_is_told_before_it_is_full(total: int, free: int, is_well: bool) -> None:
    found = room.volume(Room(object="claim/x", bytes_total=total, bytes_free=free))
    assert (found == []) is is_well
    assert is_well or found[0].observed == "512.0 MiB of 10.0 GiB are free."


@pytest.mark.parametrize(
    ("total", "free", "is_well"),
    [(5000, 400, False), (5000, 600, True), (50_000_000, 200_000, True), (0, 0, True)],
)
def test_inodes_are_told_before_there_are_none_left(total: int, free: int, is_well: bool) -> None:
    found = room.volume(
        Room(object="claim/x", bytes_total=GIB, bytes_free=GIB, inodes_total=total, inodes_free=free)
    )
    assert (found == []) is is_well
    assert is_well or found[0].observed == "400 of 5000 inodes are free."


def test_a_file_system_is_measured_as_it_is(tmp_path: Path) -> None:
    found, disk = Room.of("x", tmp_path), shutil.disk_usage(tmp_path)
    assert found.bytes_total == disk.total
    assert abs(found.bytes_free - disk.free) < GIB
    with pytest.raises(OSError, match="nosuch"):
        Room.of("x", tmp_path / "nosuch")


def database(**fields: object) -> Database:
    return Database.model_validate({"bytes_used": 1, **fields})


def test_connections_are_told_before_there_are_none_left() -> None:
    (found,) = room.connections(database(connections=83, most_connections=97))
    assert found.observed == "83 of 97 connections are in use."
    assert room.connections(database(connections=40, most_connections=97)) == []
    assert room.connections(database()) == []


def test_another_schema_than_this_dagsters_is_told() -> None:
    (found,) = room.schema(database(revision="29b539ebc72a", wanted_revision="7e2f3204cf8e"))
    assert found.observed == "Its schema is at revision 29b539ebc72a; this Dagster's is 7e2f3204cf8e."
    assert room.schema(database(revision="7e2f3204cf8e", wanted_revision="7e2f3204cf8e")) == []
    assert room.schema(database()) == []


POD = {
    "metadata": {"name": "a-1"},
    "spec": {
        "containers": [
            {"name": "dagster-grpc", "resources": {"limits": {"memory": "1Gi", "cpu": "2"}}},
            {"name": "git-sync", "resources": {"limits": {"memory": "64Mi"}}},
            {"name": "by-somebody-else"},
        ]
    },
}


def using(**memory: str) -> ComponentStatus:
    known = {"a-1": {name.replace("_", "-"): {"memory": one, "cpu": "1500u"} for name, one in memory.items()}}
    return ComponentStatus(name="a", kind="location", ready=True, usage=usage_of(Pod.read(POD), known))


def test_memory_is_told_before_the_kernel_ends_its_process() -> None:
    (found,) = room.memory(using(dagster_grpc="100Mi", git_sync="60000Ki", by_somebody_else="9Gi"))
    assert found.observed == "Its container git-sync uses 58.6 MiB of the 64.0 MiB of memory that it may."
    assert room.memory(using(dagster_grpc="900Mi", git_sync="10Mi")) == []
    assert room.memory(using(by_somebody_else="9Gi")) == [], "it has no limit"
    assert room.memory(using()) == [], "nobody measures it"
    cache = using(dagster_grpc="1023Mi").model_copy(update={"kind": "postgres"})
    assert room.memory(cache) == [], "it holds what it reads for as long as nobody needs the room"


def test_what_is_used_is_a_number_beside_it() -> None:
    usage = using(dagster_grpc="100Mi").usage
    assert usage is not None
    assert room.of_component(usage) == {"memory, MiB": 100, "processor, millicores": 2}


NOW = datetime(2030, 1, 1, 12, tzinfo=timezone.utc)


def component(restarts: int, at: str, **how: object) -> ComponentStatus:
    end = End.model_validate({"at": at, "how": "exit code 1", **how})
    return ComponentStatus(name="a", kind="location", ready=True, restarts=restarts, last_end=end)


def test_what_keeps_ending_is_told_until_it_has_lived_for_an_hour() -> None:
    (found,) = components.keeps_ending(component(3, "2030-01-01T11:30:00Z"), NOW)
    assert found.observed == "It was restarted 3 times, last at 2030-01-01T11:30:00Z (exit code 1)."
    assert components.keeps_ending(component(3, "2030-01-01T10:30:00Z"), NOW) == []
    assert components.keeps_ending(component(2, "2030-01-01T11:30:00Z"), NOW) == []
    assert components.keeps_ending(None, NOW) == []


def test_one_end_by_its_node_is_told_with_the_reason() -> None:
    why = capacity(object="pod/a-1-x", observed="Evicted: too much in tmp.", cause="It wrote.", fix="Less.")
    (found,) = components.keeps_ending(component(0, "2030-01-01T11:30:00Z", finding=why), NOW)
    assert found.observed.startswith("Evicted: too much in tmp (at 2030-01-01T11:30:00Z)")
    assert components.keeps_ending(component(0, "2030-01-01T10:30:00Z", finding=why), NOW) == []


def test_one_end_for_want_of_memory_is_enough_to_be_told() -> None:
    (found,) = components.keeps_ending(component(1, "2030-01-01T11:30:00Z", out_of_memory=True), NOW)
    assert "more memory than its limit" in found.observed
    assert "resources" in found.fix
