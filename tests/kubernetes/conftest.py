"""Fixtures: the product's own connection to the tests' cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from playground_ops.targets.kubernetes.api.connection import Connection
from tests.cluster.access import Access
from tests.cluster.cluster import Cluster
from tests.kubernetes.candidates import Place, a_place
from tests.kubernetes.connections import remove_policies

CONTEXT = "playground"


@pytest.fixture
def namespace(namespace: str, access: Access) -> Iterator[str]:
    """A namespace; what a stack in it makes cluster-wide is removed too."""
    yield namespace
    remove_policies(access, namespace)


@pytest.fixture(scope="module")
def place(access: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with a_place(access, tmp_path_factory.mktemp("place")) as made:
        yield made


@pytest.fixture
def connection(access: Access, monkeypatch: pytest.MonkeyPatch) -> Connection:
    if access.kubeconfig:
        monkeypatch.setenv("KUBECONFIG", access.kubeconfig)
    return Connection(access.context or CONTEXT)


@pytest.fixture
def stranger(
    connection: Connection, access: Access, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Connection:
    """A login that may list pods and events, and nothing else."""
    for verb in (
        ("create", "role", "looks", "--verb=list,watch", "--resource=pods,events"),
        ("create", "rolebinding", "looks", "--role=looks", f"--serviceaccount={namespace}:default"),
    ):
        access.kubectl(*verb, namespace=namespace)
    token = access.kubectl("create", "token", "default", namespace=namespace).strip()
    written = ("config", "view", "--raw", "--flatten", "--minify", "-o", "json")
    document = json.loads(access.kubectl(*written))
    document["users"][0]["user"] = {"token": token}
    (tmp_path / "stranger").write_text(json.dumps(document))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "stranger"))
    return Connection(document["contexts"][0]["name"])


@pytest.fixture
def by_plugin(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """A connection as the administrator, by a credential plugin: the official client logs in."""
    document = json.loads(Path(cluster.kubeconfig).read_text())
    (user,) = document["users"]
    answer = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {
            "clientCertificateData": Path(user["user"]["client-certificate"]).read_text(),
            "clientKeyData": Path(user["user"]["client-key"]).read_text(),
        },
    }
    (tmp_path / "answer").write_text(json.dumps(answer))
    user["user"] = {
        "exec": {
            "apiVersion": answer["apiVersion"],
            "command": "cat",
            "args": [str(tmp_path / "answer")],
            "interactiveMode": "Never",
        }
    }
    (tmp_path / "config").write_text(json.dumps(document))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    return Connection(CONTEXT)
