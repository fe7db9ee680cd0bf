"""Runs in flight while their location moves to other commits, or loses its server."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from dagster import AssetKey, DataVersion
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    DATA_VERSION_TAG,
    INPUT_DATA_VERSION_TAG_PREFIX,
    compute_logical_data_version,
)

from playground_ops.config import load
from playground_ops.core.clock import SystemClock
from playground_ops.core.progress import SilentProgress
from playground_ops.engine.context import Asker, Engine, Timeouts
from playground_ops.engine.rollout import roll_out
from playground_ops.targets.common.server_protocol import NoAnswer, server_id
from playground_ops.targets.common.webserver import Webserver
from playground_ops.targets.local.own_folder import runtime_folder
from playground_ops.targets.local.processes import names, read_state
from playground_ops.targets.local.target import LocalTarget
from tests import pipelines
from tests.asking import eventually
from tests.pipelines import Pipeline
from tests.shared import changed
from tests.stacks import ROOT, Stack


def wait_of(seconds: float, until: Path | str = "") -> dict[str, object]:
    return {"ops": {"wait": {"config": {"seconds": seconds, "until": str(until)}}}}


def redeployed(stack: Stack, code: Pipeline, asset: str) -> None:
    code.commit(asset)
    stack.ok("redeploy", "a")
    assert stack.assets("a") == [asset]


def drained(stack: Stack) -> bool:
    return bool(stack.location("a")["draining"] == [])


def test_runs_in_flight_end_well_or_as_they_are_asked_to_over_redeploys(
    stack: Stack, code: Pipeline, tmp_path: Path
) -> None:
    eventually("what the file before drains to be gone", lambda: drained(stack))
    first, go = stack.location("a")["release"], tmp_path / "go"
    kept, doomed = (stack.launch("a", "waiting", wait_of(*given)) for given in ((0.0, go), (600.0,)))
    for run in (kept, doomed):
        stack.wait_for_run(run, "STARTED")
    with changed(stack, "a", longest_run_seconds=2):
        redeployed(stack, code, "second")
    late = stack.launch("a", "waiting", wait_of(600.0))
    stack.wait_for_run(late, "STARTED")

    redeployed(stack, code, "third")

    assert stack.location("a")["draining"] == [first]
    assert {stack.run_status(run) for run in (kept, doomed, late)} == {"STARTED"}
    stack.terminate(doomed)
    assert stack.wait_for_run(doomed) == "CANCELED"
    go.touch()
    stack.wait_for_success(kept)
    eventually("the drained server to be gone", lambda: drained(stack))

    runs = launched_while_the_address_moves(stack, code)

    for run in runs:
        stack.wait_for_run(run, "STARTED")
        stack.terminate(run)
    assert {stack.wait_for_run(run) for run in runs} == {"CANCELED"}
    # The server of the second commit was drained by that, and had two seconds.
    eventually("its server to be ended", lambda: drained(stack), every_seconds=0.5)
    looked = stack.launch("ops", "health_check")
    stack.wait_for_run(looked)
    assert stack.wait_for_run(late) == "FAILURE"
    assert "had 2 s (longest_run_seconds) to finish" in stack.messages(late)
    said = [stack.messages(one) for one in stack.run_ids() if one != late]
    assert any(late in one for one in said), "whoever ended it says so, a look of the schedule too"


def launched_while_the_address_moves(stack: Stack, code: Pipeline) -> list[str]:
    """Launch runs from the time that the candidate starts."""
    runs: list[str] = []
    over = threading.Event()
    before = set(names(stack.state))

    def launch() -> None:
        eventually("the candidate", lambda: over.is_set() or set(names(stack.state)) - before)
        while len(runs) < 4 and not over.wait(0.8):
            runs.append(stack.launch("a", "waiting", wait_of(600.0)))

    launcher = threading.Thread(target=launch)
    launcher.start()
    try:
        redeployed(stack, code, "fourth")
    finally:
        over.set()
        launcher.join()
    assert runs
    return runs


def test_a_serving_server_that_is_killed_comes_back_and_its_run_ends_well(
    stack: Stack, tmp_path: Path
) -> None:
    run = stack.launch("a", "waiting", wait_of(0.0, tmp_path / "go"))
    stack.wait_for_run(run, "STARTED")
    before, serving = stack.location("a"), stack.assets("a")
    name, address = f"a-{before['release']}", runtime_folder(stack.state) / "a.location.sock"
    found = read_state(stack.state, name)
    assert found is not None

    os.kill(found.pid, signal.SIGKILL)

    def answers() -> bool:
        """Return whether the new process answers, and the webserver knows it."""
        now = read_state(stack.state, name)
        with suppress(NoAnswer):
            shown = Webserver(stack.ui).locations()["a"].server_id
            return now is not None and now.restarts == 1 and shown == server_id(f"unix:{address}")
        return False

    eventually("the server to be back", answers)
    assert stack.assets("a") == serving
    after = stack.location("a")
    assert (after["release"], after["restarts"], after["ready"]) == (before["release"], 1, True)
    again = stack.launch("a", "waiting", wait_of(0.1))
    stack.wait_for_success(again)
    (tmp_path / "go").touch()
    stack.wait_for_success(run)  # its worker outlived the server


VERSIONED = (
    pipelines.DEFINITIONS
    + """

@dg.asset(code_version="{version}")
def held(context: dg.AssetExecutionContext) -> None:
    import os
    import time

    while not os.path.exists(context.run.tags["until"]):
        time.sleep(0.1)


@dg.asset(code_version="{version}", deps=[held])
def derived() -> dg.MaterializeResult:
    import os

    return dg.MaterializeResult(metadata={{"commit": os.environ["PLAYGROUND_COMMIT"]}})


job = dg.define_asset_job("both", [held, derived])
defs = dg.Definitions.merge(defs, dg.Definitions(assets=[held, derived], jobs=[job]))
"""
)


@pytest.mark.parametrize("redeploys", [3, pytest.param(10, marks=pytest.mark.soak)])
def test_runs_in_flight_record_the_code_version_of_their_own_commit(
    redeploys: int, stack: Stack, code: Pipeline, tmp_path: Path
) -> None:
    """Also in steps that begin after all of the redeploys (dagster-io/dagster issue 33708).

    Dagster takes the code version from the definitions in the step's own process. Where that process may find
    newer code than its run began with, what old code made counts as made by the new, and nothing ever makes
    it again. Here the process of a run, and of each of its steps, loads the one commit of its release.
    """
    commits, runs = dict[str, str](), dict[str, str]()
    (a,) = (one for one in load(stack.config).locations if one.name == "a")
    timeouts = Timeouts(stable=0.0)
    engine = Engine(LocalTarget(stack.state, ROOT), SilentProgress(), SystemClock(), timeouts)
    until = [{"key": "until", "value": str(tmp_path / "go")}]
    for number in range(redeploys + 1):
        version = f"v{number}"
        text = VERSIONED.format(asset="first", version=version)
        commits[version] = code.commit_text(text, f"Version {version}")
        roll_out(engine, Asker("the test").request(a))  # as `redeploy a`, without a process each time
        if number in (0, redeploys // 2):
            runs[version] = stack.launch("a", "both", tags=until)
            stack.wait_for_run(runs[version], "STARTED")
    assert {stack.run_status(run) for run in runs.values()} == {"STARTED"}

    (tmp_path / "go").touch()

    for version, run in runs.items():
        stack.wait_for_success(run)
        held, derived = recorded(stack, run)
        assert (held[CODE_VERSION_TAG], derived[CODE_VERSION_TAG]) == (version, version)
        assert derived["commit"] == commits[version]
        inputs = {AssetKey("held"): DataVersion(derived[f"{INPUT_DATA_VERSION_TAG_PREFIX}/held"])}
        for found, made_from in ((held, {}), (derived, inputs)):
            assert found[DATA_VERSION_TAG] == compute_logical_data_version(version, made_from).value
    asked = """{ assetNodeOrError(assetKey: {path: ["held"]}) {
        ... on AssetNode { opVersion staleStatus staleCauses { category } } } }"""
    assert stack.graphql(asked)["assetNodeOrError"] == {
        "opVersion": f"v{redeploys}",
        "staleStatus": "STALE",
        "staleCauses": [{"category": "CODE"}],
    }


def recorded(stack: Stack, run: str) -> list[dict[str, str]]:
    """Return tags and texts of what `held` and `derived` recorded in a run."""
    found = stack.graphql(
        """query($id: ID!) { runOrError(runId: $id) { ... on Run { assetMaterializations { assetKey { path }
          tags { key value } metadataEntries { label ... on TextMetadataEntry { text } } } } } }""",
        id=run,
    )["runOrError"]["assetMaterializations"]
    told = {
        one["assetKey"]["path"][0]: {
            **{tag["key"]: tag["value"] for tag in one["tags"]},
            **{entry["label"]: entry.get("text", "") for entry in one["metadataEntries"]},
        }
        for one in found
    }
    return [told["held"], told["derived"]]
