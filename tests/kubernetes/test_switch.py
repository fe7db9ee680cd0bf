"""The switch is one guarded patch: nobody's word about where an address leads is undone unseen."""

from __future__ import annotations

import threading

import pytest

from playground_ops.errors import LockLost
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.releases.deployments import Releases
from tests.cluster.access import Access

SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "dagster-grpc-a"},
    "spec": {"ports": [{"port": 4000}]},
}


def test_what_somebody_else_moved_is_not_moved_back(
    access: Access, namespace: str, connection: Connection
) -> None:
    access.apply(SERVICE, namespace=namespace)
    ours, others = Releases(connection, namespace), Releases(connection, namespace)
    ours.lead_to("a", 1)
    assert ours.serving("a") == 1
    others.lead_to("a", 2)

    with pytest.raises(LockLost, match=r"led to release 1 .* leads to 2 now"):
        ours.lead_to("a", 3)
    assert ours.serving("a") == 2

    ours.lead_to("a", 3)
    assert others.serving("a") == 3


def test_who_changes_another_field_meanwhile_does_not_stop_it(
    access: Access, namespace: str, connection: Connection
) -> None:
    access.apply(SERVICE, namespace=namespace)
    over = threading.Event()
    path = f"/api/v1/namespaces/{namespace}/services/dagster-grpc-a"

    def label() -> None:
        number = 0
        while not over.wait(0.05):
            number += 1
            body = {"metadata": {"labels": {"number": str(number)}}}
            connection.request("PATCH", path, body, "application/merge-patch+json")

    other = threading.Thread(target=label)
    other.start()
    try:
        releases = Releases(connection, namespace)
        for number in range(1, 40):
            releases.lead_to("a", number)
            assert releases.serving("a") == number
    finally:
        over.set()
        other.join()
