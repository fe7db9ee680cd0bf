"""The database is away until a run gives up: it is told as failed, one that had nothing to say goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.asking import eventually
from tests.cluster.access import Access
from tests.cluster.gitservers import anonymous
from tests.kubernetes.stacks import ClusterStack, a_cluster_stack
from tests.pipelines import pipeline

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
SERVER = "deployment/dagster-grpc-a-1"
PROCESSES = "cd /proc && for one in [0-9]*; do echo $one; done"


@pytest.fixture(scope="module")
def stack(access: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterStack]:
    code = pipeline(tmp_path_factory.mktemp("code") / "repository")
    code.commit_text(CODE, "A job that waits")
    with (
        a_cluster_stack(access, tmp_path_factory.mktemp("stack")) as made,
        anonymous(code.folder.parent) as url,
    ):
        repo = {"url": f"{url}/{code.folder.name}", "ref": "main"}
        made.configure(code_locations=[{"name": "a", "repo": repo, "module": "pipeline"}])
        made.bootstrap()
        yield made


def waiting(stack: ClusterStack, until: str) -> str:
    """A run whose step is under way, until there is this file."""
    run = stack.launch("a", "waiting", {"ops": {"wait": {"config": {"until": until}}}})
    started = 'Started execution of step "wait"'
    eventually("the step to begin", lambda: started in stack.messages(run), every_seconds=0.2)
    return run


def touch(stack: ClusterStack, file: str) -> None:
    stack.kubectl("exec", SERVER, "--", "touch", file)


def processes(stack: ClusterStack) -> set[str]:
    """In the pod of location a. Those that look for them are gone when they are asked for again."""
    return set(stack.kubectl("exec", SERVER, "--", "sh", "-c", PROCESSES).split())


def test_runs_over_an_outage(stack: ClusterStack) -> None:
    silent = waiting(stack, "/tmp/after")
    before = processes(stack)
    speaking = waiting(stack, "/tmp/meanwhile")
    own = processes(stack) & processes(stack) - before
    assert own
    (server,) = [pod["metadata"]["uid"] for pod in stack.pods("location") if "-a-" in pod["metadata"]["name"]]

    stack.kubectl("scale", "statefulset/dagster-postgres", "--replicas=0")
    eventually("the database to be gone", lambda: not stack.pods("postgres"), every_seconds=0.5)
    touch(stack, "/tmp/meanwhile")
    eventually("the run to give up", lambda: not own & processes(stack), 240, every_seconds=1)
    stack.kubectl("scale", "statefulset/dagster-postgres", "--replicas=1")

    assert stack.wait_for_run(speaking) == "FAILURE"
    said = stack.messages(speaking)
    by_itself, by_its_server = "too many retries for DB connection", "marked as failed from outside"
    assert by_itself in said or by_its_server in said
    touch(stack, "/tmp/after")
    stack.wait_for_success(silent)
    stack.wait_for_success(waiting(stack, "/tmp/after"))
    assert server in [pod["metadata"]["uid"] for pod in stack.pods("location")], "the server stayed"
