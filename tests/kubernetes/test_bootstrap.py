"""The first deploy on a real cluster when something is in the way, broken, killed, or done twice."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import pipelines
from tests.asking import eventually
from tests.cluster.access import Access
from tests.cluster.gitservers import anonymous
from tests.kubernetes.stacks import ClusterStack, a_cluster_stack
from tests.pipelines import Pipeline, pipeline


@pytest.fixture
def stack(access: Access, tmp_path: Path) -> Iterator[ClusterStack]:
    with a_cluster_stack(access, tmp_path) as made:
        made.configure()
        yield made


@pytest.fixture
def code(tmp_path: Path) -> Pipeline:
    made = pipeline(tmp_path / "code" / "repository")
    made.commit("prices", "Prices")
    return made


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


def test_a_context_is_never_guessed(stack: ClusterStack) -> None:
    ended = stack.run("plan", "--context", "nobody")
    assert ended.returncode == 2
    assert "context/nobody" in ended.stderr
    assert "The kubeconfig has: playground." in ended.stderr


def test_a_location_that_is_broken_does_not_keep_the_others(stack: ClusterStack, code: Pipeline) -> None:
    code.commit_text(pipelines.RAISES, "Break it")
    with anonymous(code.folder.parent) as url:
        repo = {"url": f"{url}/{code.folder.name}", "ref": "main"}
        stack.configure(code_locations=[{"name": "a", "repo": repo, "module": "pipeline"}, {"name": "b"}])
        ended = stack.run(module="playground_ops.bootstrap")
        assert ended.returncode == 1
        assert "the price list has no column vat" in ended.stderr
        served = {one["name"]: one["release"] for one in stack.status()["locations"]}
        assert served == {"ops": 1, "a": None, "b": 1}
        assert not [pod for pod in stack.pods("location") if "-grpc-a-" in pod["metadata"]["name"]]
        code.commit("prices", "Mend it")
        stack.ok("deploy")
    assert stack.assets("a") == ["prices"]


def test_what_is_missing_in_the_repository_is_named(stack: ClusterStack, code: Pipeline) -> None:
    with anonymous(code.folder.parent) as url:
        repo = {"url": f"{url}/{code.folder.name}", "ref": "man"}
        module = {"url": f"{url}/{code.folder.name}", "ref": "main"}
        stack.configure(
            code_locations=[
                {"name": "a", "repo": repo, "module": "pipeline"},
                {"name": "b", "repo": module, "module": "pipelin"},
            ]
        )
        ended = stack.run(module="playground_ops.bootstrap")
    assert ended.returncode == 1
    assert "It has no branch or tag `man`. It has `main`" in ended.stderr.replace("\n", " ") or (
        "no branch or tag `man`" in ended.stderr and "`main`" in ended.stderr
    )
    assert "module/pipelin" in ended.stderr


def test_two_people_at_once(stack: ClusterStack) -> None:
    both = [stack.start(module="playground_ops.bootstrap") for _ in range(2)]
    said = [one.communicate(timeout=280) for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    assert stack.plan() == {}
    assert {one["release"] for one in stack.status()["locations"]} == {1}


def test_killed_anywhere_the_next_one_completes_it(stack: ClusterStack) -> None:
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
    out, err = second.communicate(timeout=280)
    assert second.returncode == 0, out + err
    second_time = stack.bootstrap()
    assert "Nothing to do" in second_time
    assert {one["ready"] for one in stack.status()["locations"]} == {True}
