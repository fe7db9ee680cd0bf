"""The first deploy, its interruptions, and the end of a stack."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing

import psutil
import pytest

from playground_ops.targets.local.control import Control, leftovers
from playground_ops.targets.local.processes import ProcessState, read_state
from tests.asking import eventually
from tests.session.deadlines import stretched
from tests.stacks import Stack, a_stack

SEED = int(os.environ["PLAYGROUND_SEED"])
COMPONENTS = ("webserver", "daemon")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack with the shipped configuration."""
    with a_stack() as made:
        made.configure(webserver={})  # the UI at port 3000, or another where that is taken
        yield made


def state(stack: Stack, name: str) -> ProcessState:
    found = read_state(stack.state, name)
    assert found is not None
    return found


def test_a_first_run_that_is_killed_is_completed_by_the_next(stack: Stack) -> None:
    seconds = random.Random(SEED).uniform(0.5, 9.0)
    print(f"PLAYGROUND_SEED={SEED}: killed after {seconds:.2f} s")
    first = stack.start(module="playground_ops.bootstrap")
    time.sleep(seconds)  # the test is about this point of time
    first.kill()
    first.communicate()

    said = stack.bootstrap()

    assert stack.ui in said
    found = {one["name"]: (one["ready"], one["candidate"]) for one in stack.status()["locations"]}
    assert found == dict.fromkeys(("ops", "a", "b"), (True, None))
    assert stack.assets("a") == ["a/numbers", "a/total"]
    assert stack.assets("b") == ["b/numbers", "b/total"]


@pytest.fixture
def up(stack: Stack) -> Stack:
    """A stack that runs, whichever tests ran before."""
    seen = read_state(stack.state, "webserver")
    if seen is None or not seen.running:
        stack.bootstrap()
    return stack


def test_a_second_run_writes_nothing_and_ends_with_what_a_person_wants_next(up: Stack) -> None:
    def written() -> dict[str, int]:
        # The components themselves write these (logs, the instance's tables).
        kept = [
            path
            for name in ("locations", "processes", "workspace", "checkouts")
            for path in (up.state / name).rglob("*")
        ]
        return {str(path): path.lstat().st_mtime_ns for path in [*kept, up.state / "stack.json"]}

    before = written()
    said = up.bootstrap()
    planned = json.loads(up.ok("plan", "--json"))["changes"]
    told = json.loads(up.ok("status", "--json"))
    assert written() == before
    assert {one["action"] for one in planned} == {"unchanged"}
    assert told["locations"] == up.status()["locations"], "other tests ask in their own process"
    assert "Nothing to do" in said
    assert f"The UI is at {up.ui}" in said
    for command in ("status", "redeploy a", "down"):
        assert f" -m playground_ops {command}" in said


def test_what_two_locations_make_is_made_and_compared(up: Stack) -> None:
    """The shipped package begins its keys with the location's name, so that both fit one deployment."""
    selected = ("--select", "numbers", "--select", "a/total")
    found = json.loads(up.ok("compare", "a", "b", "--run", *selected, "--json"))
    assert (found["without_location"], found["alone"], found["neither"]) == (True, [], [])
    numbers, total = sorted(found["assets"], key=lambda one: str(one["key"]))
    assert (numbers["key"], total["key"], total["kind"]) == ("numbers", "total", "alike")
    assert total["numbers"] == [
        {"label": "sum", "before": 31, "after": 31, "difference": 0, "relative": 0.0},
    ]
    (check,) = total["checks"]
    assert (check["name"], check["before"], check["after"]) == ("total_is_positive", "passes", "passes")
    for side, name in (("before", "a"), ("after", "b")):
        made, serving = total[side], up.location(name)
        assert (made["release"], made["commit"]) == (serving["release"], serving["commit"])
        assert any(page.endswith(f"/runs/{made['run_id']}") for page in found["runs"])
        assert made["seconds"] > 0


def test_components_that_die_come_back_and_that_is_seen(up: Stack) -> None:
    before = {name: state(up, name) for name in COMPONENTS}
    for one in before.values():
        os.kill(one.pid, signal.SIGKILL)

    def back() -> bool:
        return all(state(up, name).restarts == one.restarts + 1 for name, one in before.items())

    def seen() -> bool:
        found = {one["name"]: one for one in up.status()["components"]}
        return all(
            found[name]["ready"] and found[name]["restarts"] == one.restarts + 1
            for name, one in before.items()
        )

    eventually("their restarts", back)
    eventually("them to be ready", seen, every_seconds=1.0)


def test_the_supervisor_can_be_killed_and_servers_go_on(up: Stack) -> None:
    before = [state(up, name).pid for name in COMPONENTS]
    os.kill(Control(up.state).hello()["pid"], signal.SIGKILL)
    assert up.assets("a") == ["a/numbers", "a/total"]
    assert "Nothing to do" in up.bootstrap()
    assert [state(up, name).pid for name in COMPONENTS] == before


def test_corrupted_files_are_set_aside_and_named_and_the_next_bootstrap_writes_them_anew(up: Stack) -> None:
    for file in (up.state / "stack.json", up.state / "processes" / "webserver.json"):
        file.write_text('{"half": ')
    refused = up.run("redeploy", "b", "--force")
    assert refused.returncode == 1
    assert "stack.json could not be read and was set aside" in refused.stderr
    up.bootstrap()
    before = up.history("b")[-1]["release"]["number"]
    up.ok("redeploy", "b", "--force")
    assert up.history("b")[-1]["release"]["number"] == before + 1
    assert up.assets("b") == ["b/numbers", "b/total"]
    assert {file.name for file in up.state.rglob("*.corrupt")} >= {"stack.json.corrupt"}


def test_down_leaves_no_process_and_keeps_the_data_and_two_at_once_make_one_stack_of_it(up: Stack) -> None:
    reported = up.graphql(
        """mutation($p: ReportRunlessAssetEventsParams!) { reportRunlessAssetEvents(eventParams: $p) {
          __typename } }""",
        p={"eventType": "ASSET_MATERIALIZATION", "assetKey": {"path": ["kept"]}},
    )["reportRunlessAssetEvents"]
    assert reported["__typename"] == "ReportRunlessAssetEventsSuccess"
    up.ok("down")
    assert leftovers(up.state) == []

    both = [up.start(module="playground_ops.bootstrap") for _ in range(2)]
    ends = [(process.communicate(timeout=stretched(120)), process.returncode) for process in both]
    assert [code for _, code in ends] == [0, 0], "\n".join(out + err for (out, err), _ in ends)
    found = [(one["name"], one["ready"], one["draining"]) for one in up.status()["locations"]]
    assert found == [(name, True, []) for name in ("ops", "a", "b")]
    kept = up.graphql(
        """{ assetOrError(assetKey: {path: ["kept"]}) { ... on Asset {
          assetMaterializations { timestamp } } } }"""
    )
    assert len(kept["assetOrError"]["assetMaterializations"]) == 1

    up.ok("down", "--delete-data")
    assert leftovers(up.state) == []
    assert not (up.state / "dagster_home").exists()


def test_a_port_that_is_taken_is_named_when_it_was_given(stack: Stack) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        stack.configure(webserver={"port": port})
        ended = stack.run(module="playground_ops.bootstrap")
    assert ended.returncode == 1
    assert str(port) in ended.stderr
    assert "webserver.port" in ended.stderr
    stack.ok("down")
    assert leftovers(stack.state) == []


def test_a_state_folder_that_cannot_be_written_is_named(stack: Stack) -> None:
    stack.configure(webserver={})
    shutil.rmtree(stack.state)
    stack.state.write_text("a file, where a folder should be")
    try:
        ended = stack.run(module="playground_ops.bootstrap")
    finally:
        stack.state.unlink()
        stack.state.mkdir()
    assert ended.returncode == 1
    assert "can't be read" in ended.stderr or "can't be written" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_rollout_where_nothing_is_deployed_is_refused_and_starts_nothing() -> None:
    with a_stack() as fresh:
        fresh.configure()
        ended = fresh.run("redeploy", "a")
        assert ended.returncode == 1
        assert "No stack is deployed here." in ended.stderr
        lines = [" ".join(found.info["cmdline"] or []) for found in psutil.process_iter(["cmdline"])]
        assert [line for line in lines if "supervisor" in line and str(fresh.state) in line] == []
