"""The product's own connection to the tests' cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from playground_ops.context import StackContext, open_stack
from playground_ops.engine.status import read_status
from playground_ops.render.names import OF_NAMESPACE
from playground_ops.targets.kubernetes.api.connection import Connection
from tests.cluster.access import Access

CONTEXT = "playground"


def connected(access: Access) -> Connection:
    """Return a connection that has read its kubeconfig: the environment is as before."""
    connection = Connection(access.context or CONTEXT)
    with _environment(access):
        connection.get("/version")
    return connection


@contextmanager
def opened(access: Access, file: Path) -> Iterator[StackContext]:
    """Open a stack as a command does, but in this process: frequent queries are cheap then."""
    with _environment(access):
        yield open_stack(file, "kubernetes", context=access.context or CONTEXT)


def status(access: Access, file: Path) -> dict[str, Any]:
    """Return the document of the command `status`."""
    with opened(access, file) as found:
        return read_status(found.engine.target, found.configuration).model_dump(mode="json")


def webserver(connection: Connection, namespace: str) -> str:
    """Return its address: from this machine the Services of the tests' cluster can be reached."""
    path = f"/api/v1/namespaces/{namespace}/services/dagster-webserver"
    return f"http://{connection.request('GET', path)['spec']['clusterIP']}:3000"


@contextmanager
def _environment(access: Access) -> Iterator[None]:
    """Set the environment of a command that is started for this cluster."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("PLAYGROUND_")]:
            patch.delenv(name)
        if access.kubeconfig:
            patch.setenv("KUBECONFIG", access.kubeconfig)
        yield


def remove_policies(access: Access, namespace: str) -> None:
    """Remove what a stack of that namespace made cluster-wide."""
    kinds = "validatingadmissionpolicies,validatingadmissionpolicybindings"
    access.kubectl("delete", kinds, "-l", f"{OF_NAMESPACE}={namespace}")


def namespaces_of(access: Access, namespace: str) -> list[str]:
    """Return the namespaces of isolated locations of the stack in that namespace."""
    told = access.kubectl("get", "namespaces", "-l", f"{OF_NAMESPACE}={namespace}", "-o", "name")
    return [one.rpartition("/")[2] for one in told.split()]
