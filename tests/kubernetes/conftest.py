"""The product's own connection to the tests' cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from playground_ops.targets.kubernetes.connection import Connection
from tests.cluster.access import Access

CONTEXT = "playground"


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
