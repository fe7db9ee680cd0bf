"""Smoke jobs and checks on a real cluster: a candidate that fails them never serves."""

from __future__ import annotations

import pytest

from tests.asking import eventually
from tests.kubernetes.pool import Pool
from tests.kubernetes.stacks import ClusterStack
from tests.pipelines import Pipeline
from tests.shared import changed
from tests.stack.test_gates import text

A, OWN = "gated", "b"


@pytest.fixture(scope="module")
def code(stack: ClusterStack, shared_stack: Pool) -> Pipeline:
    return shared_stack.code(A)


@pytest.fixture(scope="module")
def stack(shared_stack: Pool) -> ClusterStack:
    return shared_stack.take(A)


@pytest.fixture(scope="module")
def serving(stack: ClusterStack) -> int:
    """The release that serves when the file begins: the first one, or one that another file deployed."""
    return int(stack.location(A)["release"])


def keeps_what_serves(stack: ClusterStack, serving: int) -> None:
    assert stack.assets(A) == ["total"]
    assert stack.location(A)["release"] == serving
    assert smoke_pods(stack) == ""


def smoke_pods(stack: ClusterStack) -> str:
    return stack.kubectl("get", "pods", "-l", "app.kubernetes.io/component=smoke", "-o", "name")


def test_they_are_runs_like_others(stack: ClusterStack) -> None:
    query = "{ runsOrError { ... on Runs { results { jobName status tags { key value } } } } }"
    found = stack.graphql(query)["runsOrError"]["results"]
    tried = {
        (tag["value"], run["jobName"], run["status"])
        for run in found
        for tag in run["tags"]
        if tag["key"] == "playground/smoke"
    }
    assert {one for one in tried if one[0] == f"{A}-1"} == {
        (f"{A}-1", "smoke", "SUCCESS"),
        (f"{A}-1", "__ASSET_JOB", "SUCCESS"),
    }
    assert (f"{OWN}-1", "refresh", "SUCCESS") in tried, "this project's own code too"
    assert smoke_pods(stack) == ""


@pytest.mark.soak
def test_a_job_that_fails_keeps_the_commit_from_serving(
    stack: ClusterStack, code: Pipeline, serving: int
) -> None:
    code.commit_text(text("total", works=False), "The job fails")
    run = stack.launch("ops", "redeploy", {"locations": [A]})
    assert stack.wait_for_run(run) == "FAILURE"
    said = stack.messages(run)
    assert "smoke job smoke did not pass" in said
    assert "the warehouse has no table prices" in said
    keeps_what_serves(stack, serving)


def test_so_does_an_asset_check(stack: ClusterStack, code: Pipeline, serving: int) -> None:
    code.commit_text(text("total", passed=False), "The check fails")
    ended = stack.run("redeploy", A)
    said = (ended.stdout + ended.stderr).replace("\n", " ")
    assert (ended.returncode, "smoke check total:is_positive did not pass" in said) == (1, True), said
    assert "the total is -1" in said
    keeps_what_serves(stack, serving)


def test_a_rollout_that_is_cancelled_meanwhile_leaves_no_pod(stack: ClusterStack, code: Pipeline) -> None:
    code.commit_text(text("total", seconds=300.0), "Slow to pass")
    run = stack.launch("ops", "redeploy", {"locations": [A]})
    eventually("the smoke pod", lambda: smoke_pods(stack), every_seconds=0.5)
    stack.terminate(run)
    assert stack.wait_for_run(run) in ("CANCELED", "FAILURE")
    eventually("the smoke pod to go", lambda: smoke_pods(stack) == "", every_seconds=0.5)
    assert stack.assets(A) == ["total"]


@pytest.mark.soak
def test_what_takes_longer_than_it_may_has_failed(stack: ClusterStack, code: Pipeline, serving: int) -> None:
    code.commit_text(text("total", seconds=200.0), "Far too slow")
    with changed(stack, A, smoke_timeout_seconds=3):
        stack.ok("deploy", "--components", "configuration")
        ended = stack.run("redeploy", A)
    stack.ok("deploy", "--components", "configuration")
    said = ended.stdout + ended.stderr
    assert (ended.returncode, "it did not end within 3 s" in said) == (1, True), said
    keeps_what_serves(stack, serving)
