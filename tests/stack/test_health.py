"""What a running stack's health tells of what ticks and of what runs, as real daemons and runs make it."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from playground_ops.checks import runs, ticks
from playground_ops.targets.webserver import Webserver
from tests.asking import eventually
from tests.pipelines import Pipeline
from tests.shared import SharedStack
from tests.stacks import Stack

CODE = """\
import time

import dagster as dg


@dg.op
def wait() -> None:
    time.sleep(600)


@dg.job(executor_def=dg.in_process_executor, tags={"one": "at a time"})
def waiting() -> None:
    wait()


@dg.sensor(job=waiting, minimum_interval_seconds=1, default_status=dg.DefaultSensorStatus.RUNNING)
def new_files(context):
    raise KeyError("price")


nightly = dg.ScheduleDefinition(
    name="nightly", job=waiting, cron_schedule="0 3 1 1 *", default_status=dg.DefaultScheduleStatus.RUNNING
)
defs = dg.Definitions(jobs=[waiting], sensors=[new_files], schedules=[nightly])
"""


@pytest.fixture(scope="module")
def stack(local_stack: SharedStack[Stack], code: Pipeline) -> Iterator[Stack]:
    """The same code twice, both with their automation on."""
    code.commit_text(CODE, "Ticks badly")
    twice = [{"name": name, **code.location, "automation": "on"} for name in ("a", "b")]
    limit = {"key": "one", "value": "at a time", "limit": 1}
    with local_stack.having(*twice, run_queue={"tag_concurrency_limits": [limit]}) as made:
        yield made


def test_a_sensor_that_fails_and_a_schedule_that_is_on_twice_are_told(stack: Stack) -> None:
    def told() -> str | None:
        ended = stack.run("health")
        return ended.stdout + ended.stderr if "KeyError: 'price'" in ended.stdout + ended.stderr else None

    said = str(eventually("a tick to fail", told, 60, 1))
    assert "sensor/new_files" in said
    assert "schedule/nightly" in said
    assert "It is on in b and in a." in said


def test_runs_that_wait_are_seen_with_their_time(stack: Stack) -> None:
    first = stack.launch("a", "waiting")
    stack.wait_for_run(first, "STARTED")
    second = stack.launch("a", "waiting")
    webserver = Webserver(f"http://127.0.0.1:{stack.port}")
    seen = webserver.overview()
    found = {one.run_id: one for one in seen.runs}
    assert (found[first].status, found[second].status) == ("STARTED", "QUEUED")
    assert {one.location for one in seen.runs} == {"a"}
    assert 0 <= found[second].seconds < 60
    stuck = [one.model_copy(update={"seconds": one.seconds + 3600}) for one in seen.runs]
    ((finding,),) = runs.check(stuck).values()
    assert finding.object == f"run/{second}"
    for run in (second, first):
        stack.terminate(run)
        stack.wait_for_run(run)
    assert webserver.overview().runs == ()


def test_all_that_tells_something_is_collected(stack: Stack, tmp_path: Path) -> None:
    told = stack.ok("collect", "--output", str(tmp_path / "out.tar.gz"))
    assert "Look through it before you send it" in told
    with tarfile.open(tmp_path / "out.tar.gz") as found:
        names = {name.partition("/")[2] for name in found.getnames()}
    assert {"health.json", "status.json", "rollouts/a.json", "state/logs/daemon.log"} <= names
    assert any(name.startswith("state/locations/a/releases/") for name in names)
    run = stack.launch("ops", "collect_logs")
    stack.wait_for_success(run)
    assert str(stack.state / "collected" / "playground-") in stack.messages(run)


def test_what_is_mended_is_well(stack: Stack, code: Pipeline) -> None:
    code.commit("mended")
    stack.ok("redeploy", "a")
    seen = Webserver(f"http://127.0.0.1:{stack.port}").overview()
    assert "a" not in ticks.check(seen.ticking)
    assert "b" in ticks.check(seen.ticking), "whose sensor fails still"
