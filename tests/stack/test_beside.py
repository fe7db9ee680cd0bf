"""A beside B: the same repository in two locations; and pushes that go live by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from playground_ops.defs.following import follow_sensors
from playground_ops.model import Location
from tests import pipelines
from tests.asking import eventually
from tests.pipelines import Pipeline
from tests.shared import SharedStack
from tests.stacks import Stack

A, B = "left", "right"
SCHEDULE = """query($s: ScheduleSelector!) { scheduleOrError(scheduleSelector: $s) { ... on Schedule {
  scheduleState { status ticks(limit: 5) { tickId } } } } }"""
START = """mutation($s: ScheduleSelector!) { startSchedule(scheduleSelector: $s) { __typename
  ... on PythonError { message } } }"""
SENSOR = """query($s: SensorSelector!) { sensorOrError(sensorSelector: $s) { ... on Sensor {
  sensorState { status ticks(limit: 20) { status skipReason error { message } } } } } }"""


@pytest.fixture(scope="module")
def stack(local_stack: SharedStack[Stack], code: Pipeline) -> Iterator[Stack]:
    a = {"name": A, **code.location, "automation": "on", "follow": True, "follow_interval_seconds": 5}
    with local_stack.having(a, {"name": B, **code.location}) as made:
        yield made


def selector(location: str) -> dict[str, str]:
    return {
        "repositoryLocationName": location,
        "repositoryName": "__repository__",
        "scheduleName": "every_minute",
    }


def schedule(stack: Stack, location: str) -> dict[str, Any]:
    found: dict[str, Any] = stack.graphql(SCHEDULE, s=selector(location))["scheduleOrError"]["scheduleState"]
    return found


def follow_sensor(code: Pipeline) -> str:
    found = Location(name=A, repository=str(code.folder), follow=True, follow_interval_seconds=5)
    return follow_sensors([found])[0].name


def follow_ticks(stack: Stack, sensor: str) -> list[dict[str, Any]]:
    where = {
        "repositoryLocationName": "ops",
        "repositoryName": "__repository__",
        "sensorName": sensor,
    }
    found: list[dict[str, Any]] = stack.graphql(SENSOR, s=where)["sensorOrError"]["sensorState"]["ticks"]
    return found


def test_what_runs_by_default_is_stopped_in_b_before_it_can_tick(stack: Stack) -> None:
    assert schedule(stack, A)["status"] == "RUNNING"
    assert schedule(stack, B) == {"status": "STOPPED", "ticks": []}
    assert {found["name"]: found["automation"] for found in stack.status()["locations"]} == {
        "ops": "on",
        A: "on",
        B: "off",
    }


def test_shared_asset_keys_are_a_warning(stack: Stack, code: Pipeline) -> None:
    stack.ok("redeploy", B, "--force")
    (record,) = stack.history(B)[-1:]
    assert any("first" in warning and A in warning for warning in record["warnings"]), record["warnings"]


def test_a_persons_own_toggles_survive_rollouts(stack: Stack) -> None:
    started = stack.graphql(START, s=selector(B))["startSchedule"]
    assert started["__typename"] == "ScheduleStateResult", started
    stack.ok("redeploy", B, "--force")
    assert schedule(stack, B)["status"] == "RUNNING"


def test_a_push_goes_live_and_a_rejected_one_is_left_alone(stack: Stack, code: Pipeline) -> None:
    sensor = follow_sensor(code)
    commit = code.commit("pushed")
    eventually("the push to serve", lambda: stack.location(A)["commit"] == commit, every_seconds=0.5)
    last = stack.history(A)[-1]
    assert last["action"] == "follow"
    assert f"sensor {sensor}" in last["by"]

    code.commit_text(pipelines.RAISES, "bad push")

    def skipped() -> bool:
        return any("which was rejected" in (tick["skipReason"] or "") for tick in follow_ticks(stack, sensor))

    eventually("the sensor to leave the rejected push alone", skipped, every_seconds=0.5)
    assert [found["outcome"] for found in stack.history(A)].count("failed") == 1
    assert stack.assets(A) == ["pushed"]

    good = code.commit("mended")
    eventually("the newest push to serve", lambda: stack.location(A)["commit"] == good, every_seconds=0.5)
    assert [tick["error"] for tick in follow_ticks(stack, sensor) if tick["error"]] == []
