"""Runs in flight while their location moves to another commit, or loses its server."""

from __future__ import annotations

import os
import signal
import threading

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
    first = stack.location("a")["release"]
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
    assert draining == [first]
    stack.terminate(doomed)
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


def test_runs_launched_while_the_address_moves_can_be_terminated(stack: Stack, code: Pipeline) -> None:
    code.commit("fourth")
    runs: list[str] = []
    over = threading.Event()

    def launch() -> None:
        while len(runs) < 6 and not over.wait(0.8):
            runs.append(stack.launch("a", "waiting", wait_of(600.0)))

    launcher = threading.Thread(target=launch)
    launcher.start()
    try:
        stack.ok("redeploy", "a")
    finally:
        over.set()
        launcher.join()
    assert stack.assets("a") == ["fourth"]
    for run in runs:
        stack.wait_for_run(run, "STARTED")
        stack.terminate(run)
    assert {stack.wait_for_run(run) for run in runs} == {"CANCELED"}


def test_a_run_that_takes_longer_than_its_retired_server_may_is_said_to_have_failed(
    stack: Stack, code: Pipeline
) -> None:
    short = {"longest_run_seconds": 2, "startup_timeout_seconds": 30}
    stack.configure(code_locations=[{"name": "a", **code.location, **short}, {"name": "b"}])
    stack.ok("deploy")
    stack.ok("redeploy", "a", "--force")  # a release that has the limit
    run = stack.launch("a", "waiting", wait_of(600.0))
    stack.wait_for_run(run, "STARTED")
    for asset in ("fifth", "sixth"):
        code.commit(asset)
        stack.ok("redeploy", "a")
    eventually("its server to be ended", lambda: stack.location("a")["draining"] == [], every_seconds=0.5)
    looked = stack.launch("ops", "health_check")
    stack.wait_for_run(looked)
    assert stack.wait_for_run(run) == "FAILURE"
    assert "had 2 s (longest_run_seconds) to finish" in stack.messages(run)
    said = [stack.messages(one) for one in stack.run_ids() if one != run]
    assert any(run in one for one in said), "whoever ended it says so, a look of the schedule too"
