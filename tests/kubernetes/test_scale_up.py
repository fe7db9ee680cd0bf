"""Room that an autoscaler makes: waited for longer than room that nobody has announced.

The autoscaler is a stand-in: it makes an event as cluster-autoscaler does (reason `TriggeredScaleUp`, about
the pod), and later there is room.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any

import pytest

from playground_ops.core.clock import SystemClock
from playground_ops.core.errors import FindingKind, PlaygroundError
from playground_ops.core.model import RolloutRecord
from playground_ops.core.pod_settings import Resources
from playground_ops.core.progress import SilentProgress
from playground_ops.engine.context import Engine, Request, Timeouts
from playground_ops.engine.rollout import roll_out
from playground_ops.render import locations
from playground_ops.targets.kubernetes.target import KubernetesTarget
from tests.asking import eventually
from tests.cluster.pods import a_pod
from tests.kubernetes.candidates import Case, Place
from tests.stacks import ROOT

pytestmark = pytest.mark.soak
ROOM = "playground.test/room"
"""A resource of which the node has one."""
CAPACITY_SECONDS, MADE_AFTER_SECONDS = 8.0, 20.0
TIMEOUTS = Timeouts(capacity=CAPACITY_SECONDS, scale_up=90.0, confirm=0.0)
WANTED = {"cpu": "10m", ROOM: "1"}


class Said(SilentProgress):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, message: str) -> None:
        self.lines.append(message)


@pytest.fixture
def full(place: Place) -> Iterator[None]:
    """Use up the resource."""
    patch = f'[{{"op": "%s", "path": "/status/capacity/{ROOM.replace("/", "~1")}"%s}}]'
    change = ("patch", "node", "node1", "--subresource=status", "--type=json", "--patch")
    place.access.kubectl(*change, patch % ("add", ', "value": "1"'))
    taken = a_pod("taken", "sleep", "600")
    taken["spec"]["containers"][0]["resources"] = {"requests": {ROOM: "1"}, "limits": {ROOM: "1"}}
    place.access.apply(taken, namespace=place.namespace)
    eventually("the room to be taken", lambda: place.access.pod(place.namespace, "taken").ready)
    yield
    place.access.kubectl("delete", "pod", "taken", "--now", "--ignore-not-found", namespace=place.namespace)
    place.access.kubectl(*change, patch % ("remove", ""))


def promise(place: Place) -> None:
    """Make the event of a cluster-autoscaler that has asked for a node."""

    def waits() -> dict[str, Any] | None:
        found = place.connection.get(f"/api/v1/namespaces/{place.namespace}/pods")["items"]
        mine = [pod["metadata"] for pod in found if "-grpc-grows-" in pod["metadata"]["name"]]
        return next((one for one in mine if "deletionTimestamp" not in one), None)

    pod = eventually("the candidate's pod", waits)
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{pod['name']}.1", "namespace": place.namespace},
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": pod["name"],
            "namespace": place.namespace,
            "uid": pod["uid"],
        },
        "reason": "TriggeredScaleUp",
        "message": "pod triggered scale-up: [{nodes 1->2 (max: 3)}]",
        "type": "Normal",
        "source": {"component": "cluster-autoscaler"},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
    place.connection.request("POST", f"/api/v1/namespaces/{place.namespace}/events", event)


def grow(place: Place, said: Said) -> RolloutRecord:
    """Roll out. Raises PlaygroundError: there is no stack in which the release could be shown."""
    given = {"cpu": "1", "memory": "512Mi", ROOM: "1"}
    pod = {"resources": Resources(requests={**WANTED, "memory": "128Mi"}, limits=given)}
    location = place.location(Case("grows", FindingKind.CAPACITY, "surroundings", "", pod=pod))
    place.access.apply(locations.service(place.configuration, location), namespace=place.namespace)
    target = KubernetesTarget(place.connection, place.configuration, ROOT, home=place.code.folder)
    return roll_out(
        Engine(target, said, SystemClock(), TIMEOUTS),
        Request(location=location, configuration="c", by="a test"),
    )


def test_room_that_nobody_promised_is_waited_for_shortly(place: Place, full: None) -> None:
    said = Said()
    began = time.monotonic()
    with pytest.raises(PlaygroundError) as refused:
        grow(place, said)
    assert refused.value.finding.kind is FindingKind.CAPACITY
    assert time.monotonic() - began < CAPACITY_SECONDS + MADE_AFTER_SECONDS / 2
    assert not [line for line in said.lines if "autoscaler" in line]


def test_room_that_an_autoscaler_makes_is_waited_for_until_it_is_there(place: Place, full: None) -> None:
    said = Said()
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(grow, place, said)
        promise(place)
        eventually("longer than without", lambda: time.monotonic() - began > MADE_AFTER_SECONDS)
        assert not under_way.done(), (under_way.exception(), said.lines)
        place.access.kubectl("delete", "pod", "taken", "--now", namespace=place.namespace)
        with pytest.raises(PlaygroundError) as ended:
            under_way.result()
    assert [line for line in said.lines if "for which an autoscaler makes room" in line]
    # It came up and was switched to; there is no webserver here that could show it.
    assert "the webserver does not show it" in ended.value.finding.observed
