"""The switch is one guarded patch: it does not silently undo somebody else's change of the address.

And what is left of a release that somebody deleted is removed.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from playground_ops.config import read
from playground_ops.core.errors import LockLost
from playground_ops.core.model import Location, Release, Revision
from playground_ops.render.names import LOCATION, RELEASE
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.releases.address import LocationAddress
from playground_ops.targets.kubernetes.releases.deployments import Releases
from playground_ops.targets.kubernetes.stack import KubernetesStack
from tests.cluster.access import Access

SERVICE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "dagster-grpc-a"},
    "spec": {"ports": [{"port": 4000}]},
}


def test_what_somebody_else_moved_is_not_moved_back(
    access: Access, namespace: str, connection: Connection
) -> None:
    access.apply(SERVICE, namespace=namespace)
    ours, others = LocationAddress(connection, namespace), LocationAddress(connection, namespace)
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
        address = LocationAddress(connection, namespace)
        for number in range(1, 40):
            address.lead_to("a", number)
            assert address.serving("a") == number
    finally:
        over.set()
        other.join()


def of_a_release(api: str, kind: str, name: str, number: int, **spec: Any) -> dict[str, Any]:
    tags = {"app.kubernetes.io/component": "location", LOCATION: "a", RELEASE: str(number)}
    metadata = {"name": f"{name}-a-{number}", "labels": tags}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec}


def services() -> list[dict[str, Any]]:
    return [of_a_release("v1", "Service", "dagster-release", one, clusterIP="None") for one in (1, 2)]


def drained() -> dict[str, Any]:
    own = {LOCATION: "a", RELEASE: "2"}
    return of_a_release(
        *("apps/v1", "Deployment", "dagster-grpc", 2),
        replicas=0,
        selector={"matchLabels": own},
        template={
            "metadata": {"labels": own},
            "spec": {"containers": [{"name": "dagster-grpc", "image": "none"}]},
        },
    )


def test_the_service_of_a_release_whose_deployment_somebody_deleted_goes(
    access: Access, namespace: str, connection: Connection
) -> None:
    access.apply(SERVICE, *services(), drained(), namespace=namespace)
    Releases(connection, namespace).sweep("a")
    left = access.kubectl("get", "services", "-o", "name", namespace=namespace).split()
    assert left == ["service/dagster-grpc-a", "service/dagster-release-a-2"]


def test_an_old_release_that_somebody_deleted_meanwhile_needs_no_end(
    namespace: str, connection: Connection
) -> None:
    revision = Revision(repository=None, commit="content-1")
    location = Location(name="a", module="pipeline")
    gone = Release(location=location, number=7, revision=revision, configuration="", created_at="")
    Releases(connection, namespace).mark_draining(gone, "2030-01-01T00:00:00+00:00")


def test_of_a_location_that_leaves_nothing_stays_though_it_has_drained_or_is_there_in_part(
    access: Access, namespace: str, connection: Connection
) -> None:
    access.apply(*services(), drained(), namespace=namespace)
    releases = Releases(connection, namespace)
    assert releases.locations() == ["a"]
    releases.clear("a")
    assert releases.locations() == []


def test_until_then_the_plan_shows_it_to_be_deleted(
    access: Access, namespace: str, connection: Connection
) -> None:
    access.apply(*services(), drained(), namespace=namespace)
    text = f"kubernetes: {{namespace: {namespace}}}\ncode_locations: []\n"
    configuration = read(text, Path("configvalues.yaml"))
    plan = KubernetesStack(connection, configuration, Path("/nowhere")).plan(configuration)
    assert ("a", "delete") in [(one.component, one.action) for one in plan.changes]
