"""The first deploy on a real cluster, with something in its way, killed, and with something broken in it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from playground_ops.context import open_stack
from playground_ops.core.errors import PlaygroundError
from playground_ops.core.progress import SilentProgress
from playground_ops.engine.apply import deploy
from playground_ops.engine.context import Asker
from playground_ops.targets.kubernetes.api import credentials
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


@pytest.fixture
def in_a_pipelines_pod(
    stack: ClusterStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Set up what a pod of a CI pipeline has: its account's token, the cluster's address, no kubeconfig."""
    document = json.loads(
        stack.access.kubectl("config", "view", "--raw", "--flatten", "--minify", "-o", "json")
    )
    cluster = document["clusters"][0]["cluster"]
    name = f"ci-{stack.namespace}"
    stack.kubectl("create", "serviceaccount", "ci")
    rights = ("--clusterrole=cluster-admin", f"--serviceaccount={stack.namespace}:ci")
    stack.kubectl("create", "clusterrolebinding", name, *rights)
    (tmp_path / "ca.crt").write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
    (tmp_path / "token").write_text(stack.kubectl("create", "token", "ci"))
    server = urlsplit(cluster["server"])
    monkeypatch.setattr(credentials, "ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", str(server.hostname))
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(server.port))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    try:
        yield
    finally:
        stack.kubectl("delete", "clusterrolebinding", name)


@pytest.mark.usefixtures("in_a_pipelines_pod")
def test_a_pipelines_pod_without_a_kubeconfig_is_not_taken_for_ops(stack: ClusterStack) -> None:
    stack.configure(kubernetes={"storage_class": "nope"})
    opened = open_stack(stack.config, "kubernetes")
    with pytest.raises(PlaygroundError, match="storageclass/nope"):
        deploy(opened.engine, opened.configuration, lambda _: SilentProgress(), Asker("ci", "deploy"))
    assert stack.get("configmaps")["items"][1:] == [], "beside the one that every namespace has"


def test_a_context_is_never_guessed(stack: ClusterStack) -> None:
    ended = stack.run("plan", "--context", "nobody")
    assert ended.returncode == 2
    assert "context/nobody" in ended.stderr
    assert "The kubeconfig has: playground." in ended.stderr
