"""The database is away: a rollout ends all the same; a run that has to write something gives up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.asking import eventually
from tests.cluster.access import KubectlFailed
from tests.kubernetes.database import next_numbers
from tests.kubernetes.lasting import CODE
from tests.kubernetes.pool import Pool
from tests.kubernetes.stacks import ClusterStack
from tests.pipelines import Pipeline

A = "long"
PROCESSES = "cd /proc && for one in [0-9]*; do echo $one; done"
OUTLASTING = CODE.format(version="before the outage")
WAITING = f"""\
import os
import pathlib
import time

while os.environ["PLAYGROUND_RELEASE"] == "NUMBER" and not pathlib.Path("/tmp/go").exists():
    time.sleep(0.1)

{OUTLASTING}"""
"""Its import ends when a file is there."""
HELD_BACK = "grep -rq 'held back until the database answers' /opt/dagster/compute_logs && echo so it is"


@pytest.fixture(scope="module")
def code(shared_stack: Pool, stack: ClusterStack) -> Pipeline:
    return shared_stack.code(A)


@pytest.fixture(scope="module")
def stack(shared_stack: Pool) -> Iterator[ClusterStack]:
    made = shared_stack.take(A, OUTLASTING)
    yield made
    eventually("all to be ready", lambda: all(one["ready"] for one in made.status()["components"]))


def waiting(stack: ClusterStack, until: str) -> str:
    """Start a run whose step goes on until this file exists, and wait for the step."""
    run = stack.launch(A, "waiting", {"ops": {"wait": {"config": {"until": until}}}})
    started = 'Started execution of step "wait"'
    eventually("the step to begin", lambda: started in stack.messages(run), every_seconds=0.2)
    return run


def touch(stack: ClusterStack, server: str, file: str) -> None:
    stack.kubectl("exec", server, "--", "touch", file)


def processes(stack: ClusterStack, server: str) -> set[str]:
    """Return the processes in its pod. Those of this query are gone at the next one."""
    return set(stack.kubectl("exec", server, "--", "sh", "-c", PROCESSES).split())


def ids(pods: list[dict[str, Any]]) -> list[str]:
    return [str(pod["metadata"]["uid"]) for pod in pods]


def take_away_the_database(stack: ClusterStack) -> None:
    stack.kubectl("scale", "statefulset/dagster-postgres", "--replicas=0")
    eventually("the database to be gone", lambda: not stack.pods("postgres"), every_seconds=0.5)


def bring_it_back(stack: ClusterStack) -> None:
    stack.kubectl("scale", "statefulset/dagster-postgres", "--replicas=1")


def says(stack: ClusterStack, where: str, command: str) -> str:
    """Return what it prints there; nothing while there is no such container, or it fails."""
    try:
        return stack.kubectl("exec", where, "--", "sh", "-c", command)
    except KubectlFailed:
        return ""


def last_rollout(stack: ClusterStack) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stack.ok("history", A, "--json"))[-1]
    return found


def test_a_rollout_ends_while_it_is_away_and_runs_go_on_that_have_nothing_to_say(
    stack: ClusterStack, code: Pipeline
) -> None:
    before, number = stack.location(A)["release"], next_numbers(stack)[A]
    server, candidate = (f"deployment/dagster-grpc-{A}-{one}" for one in (before, number))
    pods = ids(stack.servers(A, before))
    silent = waiting(stack, "/tmp/after")
    others = processes(stack, server)
    speaking = waiting(stack, "/tmp/meanwhile")
    its_own = processes(stack, server) & processes(stack, server) - others
    assert its_own
    commit = code.commit_text(WAITING.replace("NUMBER", str(number)), "An import that waits")
    run = stack.launch("ops", "redeploy", {"locations": [A]})
    eventually("the candidate to import", lambda: says(stack, candidate, "echo here"), every_seconds=0.5)

    take_away_the_database(stack)
    touch(stack, candidate, "/tmp/go")
    eventually("the rollout to end", lambda: last_rollout(stack)["outcome"], every_seconds=1)
    there = "deployment/dagster-webserver"
    eventually("a line to be held back", lambda: says(stack, there, HELD_BACK), every_seconds=1)
    # Its server reports it by the database, for as long as a minute: the run is the last to give up.
    touch(stack, server, "/tmp/meanwhile")
    eventually("the run to give up", lambda: not its_own & processes(stack, server), 240, every_seconds=1)
    ended = last_rollout(stack)
    assert ended["run_id"] == run
    bring_it_back(stack)

    status, told = stack.wait_for_run(run), stack.messages(run)
    if ended["outcome"] == "done":
        assert (status, f"{A} serves release {number}" in told) == ("SUCCESS", True), told
        assert f"{A} · retiring" in told
    else:
        # A server that began without the database may have ended: then the rollout is undone, and says why.
        assert (ended["finding"]["kind"], status) == ("transient", "FAILURE"), ended["finding"]
        assert ended["finding"]["observed"] in told, told
        assert stack.location(A)["release"] == before
        stack.ok("redeploy", A)
    assert stack.location(A)["commit"] == commit, "nothing was held against it"
    again = waiting(stack, "/tmp/after")
    touch(stack, f"deployment/dagster-grpc-{A}-{stack.location(A)['release']}", "/tmp/after")
    stack.wait_for_success(again)

    # It is reported within two minutes; the rest has been looked at meanwhile.
    assert stack.wait_for_run(speaking) == "FAILURE"
    said = stack.messages(speaking)
    by_itself, by_its_server = "too many retries for DB connection", "marked as failed from outside"
    assert by_itself in said or by_its_server in said
    touch(stack, server, "/tmp/after")
    stack.wait_for_success(silent)
    assert ids(stack.servers(A, before)) == pods, "its server stayed"
