"""The first deploy on a real cluster, in the way of something, killed, and with something broken in it."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import pytest

from tests import pipelines
from tests.asking import eventually
from tests.cluster.access import Access
from tests.cluster.gitservers import anonymous
from tests.kubernetes.stacks import ClusterStack, a_cluster_stack
from tests.pipelines import Pipeline, pipeline
from tests.session.deadlines import stretched


@pytest.fixture(scope="module")
def stack(access: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterStack]:
    with a_cluster_stack(access, tmp_path_factory.mktemp("stack")) as made:
        made.configure()
        yield made


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    made = pipeline(tmp_path_factory.mktemp("code") / "repository")
    made.commit_text(pipelines.RAISES, "Break it")
    return made


@pytest.fixture(scope="module")
def url(access: Access, code: Pipeline) -> Iterator[str]:
    with anonymous(code.folder.parent) as served:
        yield f"{served}/{code.folder.name}"


def test_all_that_stands_in_the_way_is_told_at_once_and_nothing_is_written(stack: ClusterStack) -> None:
    stack.kubectl("create", "deployment", "dagster-webserver", "--image=nginx", "--replicas=0")
    stack.configure(
        kubernetes={"storage_class": "nope"},
        postgres={"password_secret": "mine"},
        code_locations=[{"name": "a", "repo": {"url": "/srv/code"}}],
    )
    ended = stack.run(module="playground_ops.bootstrap")
    assert ended.returncode == 1
    for told in (
        "deployment/dagster-webserver",
        "is not this stack's",
        "storageclass/nope",
        "The cluster has: memory",
        "secret/mine",
        "a path of this machine",
    ):
        assert told in ended.stderr, ended.stderr
    assert stack.get("services")["items"] == []
    assert [one["metadata"]["name"] for one in stack.get("deployments")["items"]] == ["dagster-webserver"]
    stack.kubectl("delete", "deployment", "dagster-webserver")


def test_a_context_is_never_guessed(stack: ClusterStack) -> None:
    ended = stack.run("plan", "--context", "nobody")
    assert ended.returncode == 2
    assert "context/nobody" in ended.stderr
    assert "The kubeconfig has: playground." in ended.stderr


def test_killed_anywhere_the_next_one_completes_it_and_what_is_broken_keeps_nobody_else(
    stack: ClusterStack, url: str
) -> None:
    repo = {"url": url, "ref": "main"}
    stack.configure(
        code_locations=[
            {"name": "a", "repo": repo, "module": "pipeline"},
            {"name": "b"},
            {"name": "no-ref", "repo": {**repo, "ref": "man"}, "module": "pipeline"},
            {"name": "no-module", "repo": repo, "module": "pipelin"},
        ]
    )
    first = stack.start(module="playground_ops.bootstrap")
    eventually("the database to be made", lambda: stack.get("statefulsets")["items"])
    first.send_signal(signal.SIGKILL)
    first.communicate()
    second = stack.start(module="playground_ops.bootstrap")

    def rollouts() -> list[str]:
        found = stack.kubectl("get", "pods", "-l", "app.kubernetes.io/component=errand", "-o", "json")
        pods = json.loads(found)["items"]
        return [pod["metadata"]["name"] for pod in pods if pod["status"]["phase"] == "Running"]

    running = eventually("the rollouts to begin", rollouts)
    stack.kubectl("delete", "pod", *running, "--grace-period=0", "--force")
    out, err = second.communicate(timeout=stretched(280))
    assert second.returncode == 1, out + err
    told = err.replace("\n", " ")
    assert "the price list has no column vat" in told
    assert "no branch or tag `man`" in told
    assert "`main`" in told
    assert "module/pipelin" in told
    served = {one["name"] for one in stack.status()["locations"] if one["release"]}
    assert served == {"ops", "b"}
    assert not [pod for pod in stack.pods("location") if "-grpc-a-" in pod["metadata"]["name"]]


def test_mended_it_is_deployed_and_then_there_is_nothing_to_do(
    stack: ClusterStack, code: Pipeline, url: str
) -> None:
    code.commit("prices", "Mend it")
    repo = {"url": url, "ref": "main"}
    stack.configure(code_locations=[{"name": "a", "repo": repo, "module": "pipeline"}, {"name": "b"}])
    stack.ok("deploy")
    assert stack.assets("a") == ["prices"]
    assert "Nothing to do" in stack.bootstrap()
    assert {one["ready"] for one in stack.status()["locations"]} == {True}
