"""Objects that were given to pods and are gone, as a kubelet of 1.34 reports it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from playground_ops.config import read
from playground_ops.core.pod import Pod
from playground_ops.targets.kubernetes.objects.references import not_mounted
from playground_ops.targets.kubernetes.outside import preflight

NOW = datetime(2030, 1, 1, 11, 2, tzinfo=timezone.utc)
GONE = 'MountVolume.SetUp failed for volume "warehouse" : secret "warehouse" not found'


def a_pod(uid: str, ready: str = "True", since: str = "2030-01-01T10:00:00Z") -> Pod:
    condition = {"type": "Ready", "status": ready, "lastTransitionTime": since}
    tags = {"playground.dagster/location": "a", "app.kubernetes.io/component": "location"}
    metadata = {"name": f"dagster-grpc-a-{uid}", "uid": uid, "labels": tags}
    return Pod.read({"metadata": metadata, "status": {"conditions": [condition]}})


def an_event(uid: str, message: str = GONE, last: str | None = "2030-01-01T11:00:00Z") -> dict[str, Any]:
    return {"involvedObject": {"uid": uid}, "message": message, "lastTimestamp": last}


def test_what_a_running_pod_was_started_with_and_was_deleted_is_told() -> None:
    found = not_mounted([a_pod("1")], [an_event("1")], NOW)
    assert list(found) == ["a"]
    assert found["a"].object == "pod/dagster-grpc-a-1"
    assert GONE in found["a"].observed


def test_pods_that_say_it_themselves_that_are_gone_or_were_started_since_are_left_alone() -> None:
    assert not_mounted([a_pod("1", ready="False")], [an_event("1")], NOW) == {}
    assert not_mounted([a_pod("1")], [an_event("2")], NOW) == {}
    assert not_mounted([a_pod("1", since="2030-01-01T12:00:00Z")], [an_event("1")], NOW) == {}
    assert not_mounted([a_pod("1")], [an_event("1", last=None)], NOW) == {}


def test_what_was_mended_since_is_no_longer_told() -> None:
    assert not_mounted([a_pod("1")], [an_event("1")], NOW + timedelta(minutes=10)) == {}


def test_what_is_tried_again_is_no_loss() -> None:
    assert (
        not_mounted([a_pod("1")], [an_event("1", message="timed out waiting for the condition")], NOW) == {}
    )


class Empty:
    """Stands in for a cluster in which none of these objects is."""

    def metadata(self, path: str) -> None: ...


def test_before_a_deploy_every_missing_secret_is_named_with_every_location_that_needs_it() -> None:
    text = """
code_locations:
  - {name: a, repo: {url: https://git.test/x, secret: git}, pod: {environment_from_secrets: [warehouse]}}
  - {name: b, repo: {url: https://git.test/x, secret: git}}
  - {name: c, repo: {url: https://git.test/y, secret: other}}
"""
    connection: Any = Empty()
    found = preflight._references(connection, read(text, Path("configvalues.yaml")))
    assert {one.object: one.cause for one in found} == {
        "secret/git": "The configuration names it for location a's git credentials and location b's git "
        "credentials.",
        "secret/other": "The configuration names it for location c's git credentials.",
        "secret/warehouse": "The configuration names it for a's environment.",
    }
