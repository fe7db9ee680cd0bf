"""What is wrong with a running stack, told from recorded observations."""

from __future__ import annotations

import pytest

from playground_ops.checks import daemons, runs, ticks
from playground_ops.overview import Heartbeat, Ticking, UnderWay

WELL = [Heartbeat(daemon=name, required=True, age_seconds=20.0) for name in ("SENSOR", "SCHEDULER")]


def silent(*names: str, age_seconds: float | None = 900.0) -> list[Heartbeat]:
    return [
        one.model_copy(update={"age_seconds": age_seconds}) if one.daemon in names else one for one in WELL
    ]


def test_daemons_that_are_heard_of_are_well() -> None:
    backfill = Heartbeat(daemon="BACKFILL", required=False, age_seconds=None)
    assert daemons.check([*WELL, backfill]) == []


def test_a_daemon_that_is_down_is_one_finding_and_what_it_means() -> None:
    (found,) = daemons.check(silent("SENSOR", "SCHEDULER"))
    assert found.observed == "Not heard of since 15 min: sensor, scheduler."
    assert "process is down" in found.cause
    assert "no run is taken from the queue" in found.fix


def test_one_loop_that_is_stuck_is_not_the_whole_daemon() -> None:
    (found,) = daemons.check(silent("SENSOR"))
    assert found.observed == "Not heard of since 15 min: sensor."
    assert "One of its loops is stuck" in found.cause


def test_a_daemon_that_was_never_heard_of_is_said_to_be_so() -> None:
    (found,) = daemons.check(silent("SENSOR", "SCHEDULER", age_seconds=None))
    assert found.observed == "Not heard of ever: sensor, scheduler."


def test_what_a_daemon_reports_is_told_in_its_own_words() -> None:
    failing = WELL[0].model_copy(update={"errors": ("ValueError: no such run\n  at line 3",)})
    (found,) = daemons.check([failing, WELL[1]])
    assert (found.object, found.cause) == ("daemon/sensor", "ValueError: no such run")
    assert "at line 3" in found.evidence


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
    found = runs.check([run(status, seconds)])
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
    assert runs.check([run(status, seconds)]) == {}


def test_a_run_of_no_location_is_the_daemon_s() -> None:
    assert list(runs.check([run("QUEUED", 900, None)])) == ["daemon"]


def tick(location: str = "a", **more: object) -> Ticking:
    given = {"kind": "sensor", "name": "new_files", "running": True, "last": "SUCCESS", "age_seconds": 40.0}
    return Ticking(location=location, **{**given, "every_seconds": 30.0, **more})  # type: ignore[arg-type]


def test_what_ticks_well_or_is_off_is_well() -> None:
    off = tick(name="off", running=False, last="FAILURE", error="ValueError: x")
    assert (
        ticks.check([tick(), off, tick("b", running=False), tick(name="young", last=None, age_seconds=None)])
        == {}
    )


def test_a_tick_that_fails_is_told_with_what_was_raised() -> None:
    error = "Traceback (most recent call last):\n  File \"x.py\", line 3, in look\nKeyError: 'price'\n"
    ((finding,),) = ticks.check([tick(last="FAILURE", error=error)]).values()
    assert finding.object == "sensor/new_files"
    assert "KeyError: 'price'" in finding.observed
    assert "rollback a" in finding.fix


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
