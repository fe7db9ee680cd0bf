"""The product's own connection to the tests' cluster."""

from __future__ import annotations

import pytest

from playground_ops.targets.kubernetes.connection import Connection
from tests.cluster.access import Access

CONTEXT = "playground"


@pytest.fixture
def connection(access: Access, monkeypatch: pytest.MonkeyPatch) -> Connection:
    if access.kubeconfig:
        monkeypatch.setenv("KUBECONFIG", access.kubeconfig)
    return Connection(access.context or CONTEXT)
