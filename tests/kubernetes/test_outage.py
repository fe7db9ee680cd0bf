"""The database is away until a run gives up: it is told as failed, one that had nothing to say goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.asking import eventually
from tests.cluster.access import KubectlFailed
from tests.kubernetes.pool import Pool
from tests.kubernetes.stacks import ClusterStack
from tests.pipelines import Pipeline

CODE = """\
import pathlib
import time

import dagster as dg


@dg.op(config_schema={"until": str})
def wait(context: dg.OpExecutionContext) -> None:
    while not pathlib.Path(context.op_config["until"]).exists():
        time.sleep(0.1)


@dg.job
def waiting() -> None:
    wait()


defs = dg.Definitions(jobs=[waiting])
"""
"""A step that ends when a file is there: who asks decides whether the database is there then."""
A = "outlasts"
PROCESSES = "cd /proc && for one in [0-9]*; do echo $one; done"


WAITING = f"""\
import os
import pathlib
import time

while os.environ["PLAYGROUND_RELEASE"] == "NUMBER" and not pathlib.Path("/tmp/go").exists():
    time.sleep(0.1)

{CODE}"""
"""Its import ends when a file is there."""
HELD_BACK = "grep -rq 'held back until the database answers' /opt/dagster/artifacts && echo so it is"


@pytest.fixture(scope="module")
def code(shared_stack: Pool, stack: ClusterStack) -> Pipeline:
    return shared_stack.code(A)


@pytest.fixture(scope="module")
def stack(shared_stack: Pool) -> Iterator[ClusterStack]:
    made = shared_stack.take(A, CODE)
    yield made
    eventually("all to be ready", lambda: all(one["ready"] for one in made.status()["components"]))


def waiting(stack: ClusterStack, until: str) -> str:
    """A run whose step is under way, until there is this file."""
    run = stack.launch(A, "waiting", {"ops": {"wait": {"config": {"until": until}}}})
    started = 'Started execution of step "wait"'
    eventually("the step to begin", lambda: started in stack.messages(run), every_seconds=0.2)
    return run


def server_of(stack: ClusterStack) -> str:
    return f"dagster-grpc-{A}-{stack.location(A)['release']}"


def touch(stack: ClusterStack, file: str) -> None:
    stack.kubectl("exec", f"deployment/{server_of(stack)}", "--", "touch", file)


def processes(stack: ClusterStack) -> set[str]:
    """In the pod of the location. Those that look for them are gone when they are asked for again."""
    return set(stack.kubectl("exec", f"deployment/{server_of(stack)}", "--", "sh", "-c", PROCESSES).split())


def take_away_the_database(stack: ClusterStack) -> None:
    stack.kubectl("scale", "statefulset/dagster-postgres", "--replicas=0")
    eventually("the database to be gone", lambda: not stack.pods("postgres"), every_seconds=0.5)


def bring_it_back(stack: ClusterStack) -> None:
    stack.kubectl("scale", "statefulset/dagster-postgres", "--replicas=1")


def says(stack: ClusterStack, where: str, command: str) -> str:
    """What it prints there; nothing while there is no such container, or it fails."""
    try:
        return stack.kubectl("exec", where, "--", "sh", "-c", command)
    except KubectlFailed:
        return ""


def last_rollout(stack: ClusterStack) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stack.ok("history", A, "--json"))[-1]
    return found


def test_a_rollout_ends_while_the_database_is_away_and_its_run_tells_it_later(
    stack: ClusterStack, code: Pipeline
) -> None:
    before = stack.location(A)["release"]
    commit = code.commit_text(WAITING.replace("NUMBER", str(before + 1)), "An import that waits")
    run = stack.launch("ops", "redeploy", {"locations": [A]})
    candidate = f"deployment/dagster-grpc-{A}-{before + 1}"
    eventually("the candidate to import", lambda: says(stack, candidate, "echo here"), every_seconds=0.5)
    take_away_the_database(stack)
    stack.kubectl("exec", candidate, "--", "touch", "/tmp/go")

    eventually("the rollout to end", lambda: last_rollout(stack)["outcome"], every_seconds=1)
    there = "deployment/dagster-webserver"
    eventually("a line to be held back", lambda: says(stack, there, HELD_BACK), every_seconds=1)
    ended = last_rollout(stack)
    assert ended["run_id"] == run
    bring_it_back(stack)

    status, told = stack.wait_for_run(run), stack.messages(run)
    if ended["outcome"] == "done":
        assert (status, f"{A} serves release {before + 1}" in told) == ("SUCCESS", True), told
        assert f"{A} · retiring" in told
        return
    # A server that began without the database may have ended: then the rollout is undone, and says why.
    assert (ended["finding"]["kind"], status) == ("transient", "FAILURE"), ended["finding"]
    assert ended["finding"]["observed"] in told, told
    assert stack.location(A)["release"] == before
    stack.ok("redeploy", A)
    assert stack.location(A)["commit"] == commit, "nothing was held against it"


def test_runs_over_an_outage(stack: ClusterStack) -> None:
    silent = waiting(stack, "/tmp/after")
    before = processes(stack)
    speaking = waiting(stack, "/tmp/meanwhile")
    own = processes(stack) & processes(stack) - before
    assert own
    (server,) = [
        pod["metadata"]["uid"]
        for pod in stack.pods("location")
        if pod["metadata"]["name"].startswith(f"{server_of(stack)}-")
    ]

    take_away_the_database(stack)
    touch(stack, "/tmp/meanwhile")
    eventually("the run to give up", lambda: not own & processes(stack), 240, every_seconds=1)
    bring_it_back(stack)

    assert stack.wait_for_run(speaking) == "FAILURE"
    said = stack.messages(speaking)
    by_itself, by_its_server = "too many retries for DB connection", "marked as failed from outside"
    assert by_itself in said or by_its_server in said
    touch(stack, "/tmp/after")
    stack.wait_for_success(silent)
    stack.wait_for_success(waiting(stack, "/tmp/after"))
    assert server in [pod["metadata"]["uid"] for pod in stack.pods("location")], "the server stayed"
