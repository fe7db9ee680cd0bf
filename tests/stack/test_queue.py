"""Runs that wait in the queue, or are tried again, while their location moves to other commits."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground_ops.engine.health.examine import tend
from playground_ops.targets.local.target import LocalTarget
from tests.asking import eventually
from tests.pipelines import DEFINITIONS, Pipeline
from tests.stacks import ROOT, Stack

CODE = (
    DEFINITIONS
    + """

@dg.op(pool="narrow", config_schema={{"until": str}})
def {op}(context: dg.OpExecutionContext) -> None:
    import os
    import time

    context.log.info(f"this is release {{os.environ['PLAYGROUND_RELEASE']}}")
    while not os.path.exists(context.op_config["until"]):
        time.sleep(0.1)


@dg.job
def {job}() -> None:
    {op}()


@dg.op(pool="narrow")
def fails_once(context: dg.OpExecutionContext) -> None:
    import os

    context.log.info(f"this is release {{os.environ['PLAYGROUND_RELEASE']}}")
    if "dagster/retry_number" not in context.run.tags:
        raise RuntimeError("not yet")


@dg.job(tags={{"dagster/max_retries": 1}})
def flaky() -> None:
    fails_once()


defs = dg.Definitions(
    assets=[{asset}],
    jobs=[waiting, {job}, flaky],
    schedules=[every_minute],
    executor=dg.in_process_executor,
)
"""
)


def goes_to(stack: Stack, code: Pipeline, asset: str, job: str = "renamed") -> int:
    """Redeploy `a` with this asset and job. Returns the release's number."""
    code.commit_text(CODE.format(asset=asset, job=job, op=f"{job}_op"), asset)
    stack.ok("redeploy", "a")
    assert stack.assets("a") == [asset]
    return int(stack.location("a")["release"])


def retry_of(stack: Stack, run_id: str) -> str | None:
    found = stack.graphql(
        """query($f: RunsFilter!) { runsOrError(filter: $f) { ... on Runs { results { runId } } } }""",
        f={"tags": [{"key": "dagster/parent_run_id", "value": run_id}]},
    )["runsOrError"]["results"]
    return str(found[0]["runId"]) if found else None


@pytest.fixture
def narrow(stack: Stack) -> None:
    """A pool for one at a time."""
    stack.graphql('mutation { setConcurrencyLimit(concurrencyKey: "narrow", limit: 1) }')


@pytest.mark.usefixtures("narrow")
def test_queued_runs_and_retries_run_on_their_own_release_which_is_kept_for_them(
    stack: Stack, code: Pipeline, tmp_path: Path
) -> None:
    own, go = goes_to(stack, code, "queued_first", "goes_away"), tmp_path / "go"
    config = {"ops": {"goes_away_op": {"config": {"until": str(go)}}}}
    holding = stack.launch("a", "goes_away", config)
    stack.wait_for_run(holding, "STARTED")
    queued, flaky = stack.launch("a", "goes_away", config), stack.launch("a", "flaky")
    for asset in ("queued_second", "queued_third"):
        goes_to(stack, code, asset)
    assert {stack.run_status(run) for run in (queued, flaky)} == {"QUEUED"}
    assert stack.location("a")["kept"] == [own]

    go.touch()

    stack.wait_for_success(queued)
    assert stack.wait_for_run(flaky) == "FAILURE"
    again = str(eventually("its retry", lambda: retry_of(stack, flaky)))
    stack.wait_for_success(again)
    for run in (queued, flaky, again):
        assert f"this is release {own}" in stack.messages(run), stack.messages(run)
    tend(LocalTarget(stack.state, ROOT), ["a"])  # as `health_check` does
    assert stack.location("a")["kept"] == []
    eventually("the old release to end", lambda: own not in stack.location("a")["draining"])
