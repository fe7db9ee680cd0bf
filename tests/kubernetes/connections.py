"""The product's own connection to the tests' cluster."""

from __future__ import annotations

import pytest

from playground_ops.render.names import OF_NAMESPACE
from playground_ops.targets.kubernetes.api.connection import Connection
from tests.cluster.access import Access

CONTEXT = "playground"


def connected(access: Access) -> Connection:
    """One that has read its kubeconfig: the environment is as before."""
    connection = Connection(access.context or CONTEXT)
    with pytest.MonkeyPatch.context() as patch:
        if access.kubeconfig:
            patch.setenv("KUBECONFIG", access.kubeconfig)
        connection.get("/version")
    return connection


def remove_policies(access: Access, namespace: str) -> None:
    """What a stack of that namespace made cluster-wide."""
    kinds = "validatingadmissionpolicies,validatingadmissionpolicybindings"
    access.kubectl("delete", kinds, "-l", f"{OF_NAMESPACE}={namespace}")
