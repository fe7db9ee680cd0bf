"""The first deploy on a real cluster, in the way of something, killed, and with something broken in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.access import Access
from tests.kubernetes.stacks import ClusterStack, a_cluster_stack


@pytest.fixture(scope="module")
def stack(access: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterStack]:
    with a_cluster_stack(access, tmp_path_factory.mktemp("stack")) as made:
        made.configure()
        yield made


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
