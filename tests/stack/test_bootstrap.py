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

from playground_ops.targets.local.control import leftovers
from playground_ops.targets.local.processes import read_state
from tests.asking import eventually
from tests.stacks import Stack, a_stack

SEED = int(os.environ["PLAYGROUND_SEED"])


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack as it is shipped."""
    with a_stack() as made:
        made.configure(webserver={})  # the UI at port 3000, or another where that is taken
        yield made


def test_a_first_run_that_is_killed_is_completed_by_the_next(stack: Stack) -> None:
    seconds = random.Random(SEED).uniform(0.5, 9.0)
    print(f"PLAYGROUND_SEED={SEED}: killed after {seconds:.2f} s")
    first = stack.start(module="playground_ops.bootstrap")
    time.sleep(seconds)  # the point of time is the point of the test
    first.kill()
    first.communicate()

    said = stack.bootstrap()

    assert stack.ui in said
    assert {found["name"]: found["ready"] for found in stack.status()["locations"]} == {
        "ops": True,
        "a": True,
        "b": True,
    }
    assert stack.assets("a") == ["a/numbers", "a/total"]
    assert stack.assets("b") == ["b/numbers", "b/total"]
    assert all(found["candidate"] is None for found in stack.status()["locations"])


@pytest.fixture
def up(stack: Stack) -> Stack:
    """The stack runs, whichever tests ran before."""
    stack.bootstrap()
    return stack


def test_it_ends_with_what_a_person_wants_next(up: Stack) -> None:
    stack, said = up, up.bootstrap()
    assert "Nothing to do" in said
    assert f"The UI is at {stack.ui}" in said
    for command in ("status", "redeploy a", "down"):
        assert f"python -m playground_ops {command}" in said


@pytest.mark.usefixtures("up")
def test_a_second_run_writes_nothing(stack: Stack) -> None:
    def written() -> dict[str, int]:
        # What the components write by themselves (logs, the instance's tables) is theirs.
        kept = [
            path
            for name in ("locations", "processes", "workspace", "checkouts")
            for path in (stack.state / name).rglob("*")
        ]
        return {str(path): path.lstat().st_mtime_ns for path in [*kept, stack.state / "stack.json"]}

    before = written()
    stack.bootstrap()
    stack.ok("plan")
    assert written() == before


@pytest.mark.usefixtures("up")
def test_two_at_once_make_one_stack(stack: Stack) -> None:
    stack.ok("down")
    both = [stack.start(module="playground_ops.bootstrap") for _ in range(2)]
    ends = [(process.communicate(timeout=120), process.returncode) for process in both]
    assert [code for _, code in ends] == [0, 0], "\n".join(out + err for (out, err), _ in ends)
    servers = [found for found in stack.status()["locations"] if found["ready"]]
    assert len(servers) == 3
    assert [len(found["draining"]) for found in stack.status()["locations"]] == [0, 0, 0]


@pytest.mark.usefixtures("up")
@pytest.mark.parametrize("name", ["webserver", "daemon"])
def test_a_component_that_dies_comes_back_and_that_is_seen(stack: Stack, name: str) -> None:
    found = read_state(stack.state, name)
    assert found is not None
    assert found.pid is not None
    os.kill(found.pid, signal.SIGKILL)

    def component() -> dict[str, object]:
        return next(part for part in stack.status()["components"] if part["name"] == name)

    eventually("a restart", lambda: component()["restarts"] == found.restarts + 1)
    eventually("it to be ready", lambda: component()["ready"])


@pytest.mark.usefixtures("up")
def test_the_supervisor_can_be_killed_and_servers_go_on(stack: Stack) -> None:
    before = {name: read_state(stack.state, name).pid for name in ("webserver", "daemon")}
    hello = json.loads(stack.ok("status", "--json"))
    from playground_ops.targets.local.control import Control

    os.kill(Control(stack.state).hello()["pid"], signal.SIGKILL)
    assert stack.assets("a") == ["a/numbers", "a/total"]
    stack.bootstrap()
    stack.ok("redeploy", "a", "--force")
    after = {name: read_state(stack.state, name).pid for name in ("webserver", "daemon")}
    assert after == before
    assert stack.status()["locations"][1]["release"] == hello["locations"][1]["release"] + 1


@pytest.mark.usefixtures("up")
def test_corrupted_files_are_set_aside_and_named_and_the_next_bootstrap_writes_them_anew(
    stack: Stack,
) -> None:
    for file in (stack.state / "stack.json", stack.state / "processes" / "webserver.json"):
        file.write_text('{"half": ')
    refused = stack.run("redeploy", "b", "--force")
    assert refused.returncode == 1
    assert "stack.json could not be read and was set aside" in refused.stderr
    stack.bootstrap()
    stack.ok("redeploy", "b", "--force")
    assert stack.assets("b") == ["b/numbers", "b/total"]
    assert {file.name for file in stack.state.rglob("*.corrupt")} >= {"stack.json.corrupt"}


@pytest.mark.usefixtures("up")
def test_down_leaves_no_process_and_keeps_the_data(stack: Stack) -> None:
    run = stack.launch("ops", "plan")
    stack.wait_for_run(run)
    stack.ok("down")
    assert leftovers(stack.state) == []
    stack.bootstrap()
    assert stack.run_status(run) == "SUCCESS"
    stack.ok("down", "--delete-data")
    assert leftovers(stack.state) == []
    assert not (stack.state / "dagster_home").exists()


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
