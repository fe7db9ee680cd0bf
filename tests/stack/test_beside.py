"""A beside B, the same repository in two locations: what ticks, what is reported, and followed pushes."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from playground_ops.checks import instance, ticks
from playground_ops.core.model import Location
from playground_ops.defs.sensors.push import follow_sensors
from playground_ops.targets.common.webserver import Webserver
from tests import pipelines
from tests.asking import eventually
from tests.pipelines import Pipeline, pipeline
from tests.shared import SharedStack
from tests.stacks import Stack

A, B = "left", "right"
CODE = """\
import time

import dagster as dg


@dg.asset
def {asset}() -> None: ...


@dg.op
def wait() -> None:
    time.sleep(600)


@dg.job(executor_def=dg.in_process_executor, tags={{"one": "at a time"}})
def waiting() -> None:
    wait()


@dg.sensor(job=waiting, minimum_interval_seconds=1, default_status=dg.DefaultSensorStatus.RUNNING)
def new_files(context):
    {does}


@dg.schedule(cron_schedule="* * * * *", job=waiting, default_status=dg.DefaultScheduleStatus.RUNNING)
def every_minute(context):
    return dg.SkipReason("it ticks, which is enough")


defs = dg.Definitions(assets=[{asset}], jobs=[waiting], sensors=[new_files], schedules=[every_minute])
"""
FAILS, SKIPS = 'raise KeyError("price")', 'return dg.SkipReason("no new files")'
SCHEDULE = """query($s: ScheduleSelector!) { scheduleOrError(scheduleSelector: $s) { ... on Schedule {
  scheduleState { status ticks(limit: 5) { tickId } } } } }"""
START = """mutation($s: ScheduleSelector!) { startSchedule(scheduleSelector: $s) { __typename
  ... on PythonError { message } } }"""
MATERIALIZED = """query($key: AssetKeyInput!) { assetOrError(assetKey: $key) { ... on Asset {
  assetMaterializations(limit: 20) { metadataEntries { label ... on TextMetadataEntry { text } } } } } }"""
SENSOR = """query($s: SensorSelector!) { sensorOrError(sensorSelector: $s) { ... on Sensor {
  sensorState { status ticks(limit: 20) { status skipReason error { message } } } } } }"""


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    made = pipeline(tmp_path_factory.mktemp("code") / "repository")
    made.commit_text(CODE.format(asset="first", does=FAILS), "Ticks badly")
    return made


@pytest.fixture(scope="module")
def stack(local_stack: SharedStack[Stack], code: Pipeline) -> Iterator[Stack]:
    """A stack on which the automation of A is on, that of B is not."""
    a = {"name": A, **code.location, "automation": "on", "follow": True, "follow_interval_seconds": 5}
    limit = {"key": "one", "value": "at a time", "limit": 1}
    queue = {"tag_concurrency_limits": [limit]}
    b = {"name": B, **code.location, "shared_assets": "warn"}
    with local_stack.having(a, b, run_queue=queue) as made:
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


def sensor(stack: Stack, location: str, name: str) -> dict[str, Any]:
    where = {
        "repositoryLocationName": location,
        "repositoryName": "__repository__",
        "sensorName": name,
    }
    found: dict[str, Any] = stack.graphql(SENSOR, s=where)["sensorOrError"]["sensorState"]
    return found


def follow_sensor(code: Pipeline) -> str:
    found = Location(name=A, repository=str(code.folder), follow=True, follow_interval_seconds=5)
    return follow_sensors([found])[0].name


def test_what_runs_by_default_is_stopped_in_b_before_it_can_tick(stack: Stack) -> None:
    assert (schedule(stack, A)["status"], sensor(stack, A, "new_files")["status"]) == ("RUNNING", "RUNNING")
    assert schedule(stack, B) == {"status": "STOPPED", "ticks": []}
    assert sensor(stack, B, "new_files") == {"status": "STOPPED", "ticks": []}

    def those_there_are() -> dict[str, str] | None:
        """Return them without the locations of the file before, whose servers may have to end first."""
        found = {one["name"]: one["automation"] for one in stack.status()["locations"]}
        return found if found.keys() == {"ops", A, B} else None

    told = eventually("the locations of before to be gone", those_there_are, every_seconds=0.5)
    assert told == {"ops": "on", A: "on", B: "off"}


def test_a_persons_own_toggles_survive_rollouts_and_shared_asset_keys_are_a_warning(stack: Stack) -> None:
    started = stack.graphql(START, s=selector(B))["startSchedule"]
    assert started["__typename"] == "ScheduleStateResult", started
    stack.ok("redeploy", B, "--force")
    assert schedule(stack, B)["status"] == "RUNNING"
    assert sensor(stack, B, "new_files")["status"] == "STOPPED"
    record = stack.history(B)[-1]
    assert any("first" in warning and A in warning for warning in record["warnings"]), record["warnings"]


def test_what_the_command_line_did_comes_into_the_asset_graph(stack: Stack) -> None:
    """It checks the rollout of the test before."""
    commit = stack.location(B)["commit"]

    def commits() -> list[str]:
        found = stack.graphql(MATERIALIZED, key={"path": ["stack", B]})["assetOrError"]
        entries = [one["metadataEntries"] for one in found["assetMaterializations"]]
        return [entry["text"] for each in entries for entry in each if entry["label"] == "commit"]

    eventually("the rollout in the graph", lambda: commit in commits(), every_seconds=0.5)
    ticked = sensor(stack, "ops", "rollout_records")["ticks"]
    assert [tick["error"] for tick in ticked if tick["error"]] == []


def test_a_sensor_that_fails_and_a_schedule_that_is_on_twice_are_told(stack: Stack) -> None:
    def failed() -> bool:
        return "FAILURE" in [tick["status"] for tick in sensor(stack, A, "new_files")["ticks"]]

    eventually("a tick to fail", failed, 60, 0.5)
    ended = stack.run("health")
    said = ended.stdout + ended.stderr
    assert "sensor/new_files" in said
    assert "KeyError: 'price'" in said
    assert "schedule/every_minute" in said
    assert f"It is on in {B} and in {A}." in said


def test_runs_that_wait_are_seen_with_their_time(stack: Stack) -> None:
    first = stack.launch(A, "waiting")
    stack.wait_for_run(first, "STARTED")
    second = stack.launch(A, "waiting")
    webserver = Webserver(f"http://127.0.0.1:{stack.port}")
    seen = [one for one in webserver.overview().runs if one.location != "ops"]
    found = {one.run_id: one for one in seen}
    assert (found[first].status, found[second].status) == ("STARTED", "QUEUED")
    assert {one.location for one in seen} == {A}
    assert 0 <= found[second].seconds < 60
    stuck = [one.model_copy(update={"seconds": one.seconds + 3600}) for one in seen]
    ((finding,),) = instance.check_runs(stuck).values()
    assert finding.object == f"run/{second}"
    for run in (second, first):
        stack.terminate(run)
        stack.wait_for_run(run)
    assert [one for one in webserver.overview().runs if one.location != "ops"] == []


def test_all_that_tells_something_is_collected(stack: Stack, tmp_path: Path) -> None:
    """tests/unit/test_collecting.py tests the same by the job."""
    told = stack.ok("collect", "--output", str(tmp_path / "out.tar.gz"))
    assert "Look through it before you send it" in told
    with tarfile.open(tmp_path / "out.tar.gz") as found:
        names = {name.partition("/")[2] for name in found.getnames()}
    assert {"health.json", "status.json", f"rollouts/{A}.json", "state/logs/daemon.log"} <= names
    assert any(name.startswith(f"state/locations/{A}/releases/") for name in names)


def test_a_push_goes_live_and_mends_and_a_rejected_one_is_left_alone(stack: Stack, code: Pipeline) -> None:
    follows = follow_sensor(code)
    commit = code.commit_text(CODE.format(asset="pushed", does=SKIPS), "Mended")
    eventually("the push to serve", lambda: stack.assets(A) == ["pushed"], every_seconds=0.5)

    def recorded() -> dict[str, Any] | None:
        last = stack.history(A)[-1]
        return last if last["outcome"] else None

    last = eventually("its rollout to end", recorded, every_seconds=0.5)
    assert (last["action"], last["revision"]["commit"], last["outcome"]) == ("follow", commit, "done")
    assert f"sensor {follows}" in last["by"]

    def well() -> bool:
        return A not in ticks.check(Webserver(f"http://127.0.0.1:{stack.port}").overview().ticking)

    eventually("its next tick", well)
    code.commit_text(pipelines.RAISES, "bad push")

    def skipped() -> bool:
        found = sensor(stack, "ops", follows)["ticks"]
        return any("which was rejected" in (tick["skipReason"] or "") for tick in found)

    eventually("the sensor to leave the rejected push alone", skipped, every_seconds=0.5)
    assert [found["outcome"] for found in stack.history(A)].count("failed") == 1
    assert stack.assets(A) == ["pushed"]
    assert [tick["error"] for tick in sensor(stack, "ops", follows)["ticks"] if tick["error"]] == []
