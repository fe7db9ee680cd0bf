"""What outlives a release: values of assets, captured output, and runs in flight."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.asking import eventually
from tests.cluster.access import Access
from tests.cluster.gitservers import anonymous
from tests.kubernetes.stacks import ClusterStack, a_cluster_stack
from tests.pipelines import Pipeline, pipeline

CODE = """\
import dagster as dg


@dg.asset
def numbers() -> list[int]:
    print("numbers made by version {version}")
    return [1, 2, 3]


@dg.asset
def total(numbers: list[int]) -> int:
    return sum(numbers)


@dg.op
def wait() -> None:
    import time
    from pathlib import Path

    while not Path("/tmp/go").exists():
        time.sleep(0.1)


@dg.job(executor_def=dg.in_process_executor)
def waiting() -> None:
    wait()


up = dg.define_asset_job("up", selection=["numbers"])
down = dg.define_asset_job("down", selection=["total"])
defs = dg.Definitions(assets=[numbers, total], jobs=[up, down, waiting])
"""
CAPTURED = """query($id: ID!) { logsForRun(runId: $id, limit: 500) { ... on EventConnection { events {
  ... on LogsCapturedEvent { fileKey } } } } }"""
OUTPUT = "query($key: [String!]!) { capturedLogs(logKey: $key) { stdout } }"


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    made = pipeline(tmp_path_factory.mktemp("code") / "repository")
    made.commit_text(CODE.format(version=1), "Version 1")
    return made


@pytest.fixture(scope="module")
def stack(access: Access, code: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterStack]:
    folder: Path = tmp_path_factory.mktemp("stack")
    with a_cluster_stack(access, folder) as made, anonymous(code.folder.parent) as url:
        repo = {"url": f"{url}/{code.folder.name}", "ref": "main"}
        made.configure(code_locations=[{"name": "a", "repo": repo, "module": "pipeline"}])
        made.bootstrap()
        yield made


def stdout(stack: ClusterStack, run: str) -> str:
    events = stack.graphql(CAPTURED, id=run)["logsForRun"]["events"]
    (key,) = [found["fileKey"] for found in events if found.get("fileKey")]
    return str(stack.graphql(OUTPUT, key=[run, "compute_logs", key])["capturedLogs"]["stdout"])


def redeploy(stack: ClusterStack) -> None:
    run = stack.launch("ops", "redeploy", {"locations": ["a"]})
    stack.wait_for_success(run)


def test_values_and_output_outlive_the_release_that_made_them(stack: ClusterStack, code: Pipeline) -> None:
    run = stack.launch("a", "up")
    stack.wait_for_success(run)
    code.commit_text(CODE.format(version=2), "Version 2")
    redeploy(stack)
    assert stack.location("a")["release"] == 2
    below = stack.launch("a", "down")
    stack.wait_for_success(below)
    assert "numbers made by version 1" in stdout(stack, run)


def test_a_run_in_flight_is_finished_where_it_began(stack: ClusterStack, code: Pipeline) -> None:
    before = stack.location("a")["release"]
    run = stack.launch("a", "waiting")
    stack.wait_for_run(run, "STARTED")
    for version in (3, 4):  # the second time the release with the run is no longer the warm one
        code.commit_text(CODE.format(version=version), f"Version {version}")
        redeploy(stack)
    assert before in stack.location("a")["draining"]
    stack.kubectl("exec", f"deployment/dagster-grpc-a-{before}", "--", "touch", "/tmp/go")
    stack.wait_for_success(run)
    eventually("the old server to end", lambda: not stack.location("a")["draining"])


def test_a_run_on_a_server_that_no_longer_serves_can_be_terminated(
    stack: ClusterStack, code: Pipeline
) -> None:
    run = stack.launch("a", "waiting")
    stack.wait_for_run(run, "STARTED")
    code.commit_text(CODE.format(version=5), "Version 5")
    redeploy(stack)
    stack.graphql(
        "mutation($id: String!) { terminateRun(runId: $id) { __typename } }",
        id=run,
    )
    assert stack.wait_for_run(run) == "CANCELED"


def test_rolling_back_takes_the_release_that_is_warm(stack: ClusterStack) -> None:
    now = stack.location("a")
    run = stack.launch("ops", "rollback", {"location": "a"})
    stack.wait_for_success(run)
    assert stack.location("a")["release"] == now["previous"]
