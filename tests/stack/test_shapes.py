"""Code changes its shape under a running daemon: schedules and sensors go on as if nothing had happened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.asking import eventually
from tests.pipelines import DEFINITIONS, Pipeline
from tests.stacks import Stack

COUNTING = """

@dg.op
def nothing() -> None: ...


@dg.job
def done_once() -> None:
    nothing()


@dg.sensor(job=done_once, minimum_interval_seconds=1)
def counting(context: dg.SensorEvaluationContext) -> dg.RunRequest:
    count = int(context.cursor or 0) + 1
    context.update_cursor(str(count))
    with open("{ticks}", "a") as ticks:
        ticks.write(f"{{count}}\\n")
    return dg.RunRequest(run_key="{ticks}")


@dg.schedule(cron_schedule="0 0 1 1 *", job=done_once)
def yearly() -> dg.RunRequest:
    return dg.RunRequest()

"""
AS_DEFINITIONS = """
defs = dg.Definitions(
    assets=[counted],
    jobs=[waiting, done_once],
    schedules=[every_minute, yearly],
    sensors=[counting],
    executor=dg.in_process_executor,
)
"""
AS_FUNCTION = """
del defs


@dg.repository
def sales():
    return [counted, waiting, done_once, every_minute, yearly, counting]
"""
START = """mutation($s: %(Kind)sSelector!) { start%(Kind)s(%(kind)sSelector: $s) { __typename } }"""
STATE = """query($sensor: SensorSelector!, $schedule: ScheduleSelector!) {
  sensorOrError(sensorSelector: $sensor) { ... on Sensor { sensorState { status
    typeSpecificData { ... on SensorData { lastCursor } } } } }
  scheduleOrError(scheduleSelector: $schedule) { ... on Schedule { scheduleState { status } } } }"""


def selectors(repository: str) -> dict[str, dict[str, str]]:
    where = {"repositoryLocationName": "a", "repositoryName": repository}
    names = {"sensor": "counting", "schedule": "yearly"}
    return {kind: {**where, f"{kind}Name": name} for kind, name in names.items()}


def start(stack: Stack, repository: str) -> None:
    for kind, selector in selectors(repository).items():
        answer = stack.graphql(START % {"Kind": kind.capitalize(), "kind": kind}, s=selector)
        assert "Error" not in str(answer), answer


def state(stack: Stack, repository: str) -> tuple[str, str, int]:
    """Return the states of sensor and schedule, and the sensor's cursor."""
    found: dict[str, Any] = stack.graphql(STATE, **selectors(repository))
    sensor = found["sensorOrError"]["sensorState"]
    cursor = (sensor["typeSpecificData"] or {}).get("lastCursor")
    return sensor["status"], found["scheduleOrError"]["scheduleState"]["status"], int(cursor or 0)


def ticked_since(stack: Stack, repository: str, cursor: int) -> int:
    return int(eventually("a tick", lambda: (now := state(stack, repository)[2]) > cursor and now))


def requested(stack: Stack, run_key: Path) -> int:
    found = stack.graphql(
        """query($f: RunsFilter!) { runsOrError(filter: $f) { ... on Runs { results { runId } } } }""",
        f={"tags": [{"key": "dagster/run_key", "value": str(run_key)}]},
    )
    return len(found["runsOrError"]["results"])


def test_definitions_that_become_a_repository_keep_what_ticks_and_so_it_is_after_a_rollback(
    stack: Stack, code: Pipeline, tmp_path: Path
) -> None:
    ticks = tmp_path / "ticks"
    text = DEFINITIONS.format(asset="counted") + COUNTING.format(ticks=ticks)
    code.commit_text(text + AS_DEFINITIONS, "Definitions")
    stack.ok("redeploy", "a")
    start(stack, "__repository__")
    cursor = ticked_since(stack, "__repository__", 0)
    code.commit_text(text + AS_FUNCTION, "A function that is a repository")
    for step, repository in (("redeploy", "sales"), ("rollback", "__repository__")):
        stack.ok(step, "a")

        sensor, schedule, now = state(stack, repository)
        assert (sensor, schedule) == ("RUNNING", "RUNNING")
        assert now >= cursor
        cursor = ticked_since(stack, repository, now)
    assert requested(stack, ticks) == 1, "nothing is requested twice"
    counts = [int(line) for line in ticks.read_text().split()]
    assert counts == [*range(1, len(counts) + 1)], "nor does anything tick twice"
