"""Runs in flight while their location moves to another commit, or loses its server."""

from __future__ import annotations

import os
import signal

from playground_ops.targets.local.processes import read_state
from tests.asking import eventually
from tests.pipelines import Pipeline
from tests.stacks import Stack

LONG = 60.0
"""Seconds: longer than everything that the first story does meanwhile."""


def wait_of(seconds: float) -> dict[str, object]:
    return {"ops": {"wait": {"config": {"seconds": seconds}}}}


def test_a_run_in_flight_ends_well_over_redeploys_and_can_be_terminated_on_the_old_server(
    stack: Stack, code: Pipeline
) -> None:
    kept = stack.launch("a", "waiting", wait_of(LONG))
    doomed = stack.launch("a", "waiting", wait_of(600.0))
    for run in (kept, doomed):
        stack.wait_for_run(run, "STARTED")

    for asset in ("second", "third"):  # the second redeploy drains the runs' server
        code.commit(asset)
        stack.ok("redeploy", "a")
        assert stack.assets("a") == [asset]
        assert stack.run_status(kept) == "STARTED"

    draining = stack.location("a")["draining"]
    assert draining == [1]
    stack.graphql("mutation($id: String!) { terminateRun(runId: $id) { __typename } }", id=doomed)
    assert stack.wait_for_run(doomed) == "CANCELED"
    stack.wait_for_success(kept)
    eventually("the drained server to be gone", lambda: stack.location("a")["draining"] == [])


def test_a_serving_server_that_is_killed_comes_back_and_its_run_ends_well(
    stack: Stack, code: Pipeline
) -> None:
    run = stack.launch("a", "waiting", wait_of(8.0))
    stack.wait_for_run(run, "STARTED")
    number = stack.location("a")["release"]
    name = f"a-{number}"

    os.kill(read_state(stack.state, name).pid, signal.SIGKILL)

    eventually("the server to be back", lambda: stack.location("a")["restarts"] == 1)
    eventually("the server to answer", lambda: stack.location("a")["ready"])
    assert stack.location("a")["release"] == number
    assert stack.assets("a") == ["third"]
    stack.wait_for_success(run)  # its worker outlived the server
    again = stack.launch("a", "waiting", wait_of(0.1))
    stack.wait_for_success(again)
