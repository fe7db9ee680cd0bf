"""The database is away until a run gives up: it is told as failed, one that had nothing to say goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.asking import eventually
from tests.cluster.access import Access
from tests.cluster.gitservers import anonymous
from tests.kubernetes.stacks import ClusterStack, a_cluster_stack
from tests.pipelines import pipeline

PROCESSES = "cd /proc && for one in [0-9]*; do echo $one; done"


@pytest.fixture(scope="module")
def stack(access: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterStack]:
    code = pipeline(tmp_path_factory.mktemp("code") / "repository")
    code.commit("prices", "Prices")
    with (
        a_cluster_stack(access, tmp_path_factory.mktemp("stack")) as made,
        anonymous(code.folder.parent) as url,
    ):
        repo = {"url": f"{url}/{code.folder.name}", "ref": "main"}
        made.configure(code_locations=[{"name": "a", "repo": repo, "module": "pipeline"}])
        made.bootstrap()
        yield made


def waiting(stack: ClusterStack, seconds: float) -> str:
    """A run whose step is under way."""
    config: dict[str, Any] = {"ops": {"wait": {"config": {"seconds": seconds}}}}
    run = stack.launch("a", "waiting", config)
    started = 'Started execution of step "wait"'
    eventually("the step to begin", lambda: started in stack.messages(run), every_seconds=0.2)
    return run


def processes(stack: ClusterStack) -> set[str]:
    """In the pod of location a. Those that look for them are gone when they are asked for again."""
    told = stack.kubectl("exec", "deployment/dagster-grpc-a-1", "--", "sh", "-c", PROCESSES)
    return set(told.split())


def test_runs_over_an_outage(stack: ClusterStack) -> None:
    longer = waiting(stack, 75)
    before = processes(stack)
    meanwhile = waiting(stack, 8)
    own = processes(stack) & processes(stack) - before
    assert own
    (server,) = [pod["metadata"]["uid"] for pod in stack.pods("location") if "-a-" in pod["metadata"]["name"]]

    stack.kubectl("scale", "statefulset/dagster-postgres", "--replicas=0")
    eventually("the run to give up", lambda: not own & processes(stack), 90, every_seconds=1)
    stack.kubectl("scale", "statefulset/dagster-postgres", "--replicas=1")

    assert stack.wait_for_run(meanwhile) == "FAILURE"
    said = stack.messages(meanwhile)
    by_itself, by_its_server = "too many retries for DB connection", "marked as failed from outside"
    assert by_itself in said or by_its_server in said
    stack.wait_for_success(longer)
    stack.wait_for_success(waiting(stack, 0))
    assert server in [pod["metadata"]["uid"] for pod in stack.pods("location")], "the server stayed"
