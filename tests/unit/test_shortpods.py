"""Short-lived pods that nobody removed: the next one of their kind does."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from playground_ops.core.errors import Finding, FindingKind
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import path
from playground_ops.targets.kubernetes.pods import one_shot

NOW = datetime(2030, 1, 1, 12, tzinfo=timezone.utc)
KIND = "app.kubernetes.io/component"


def a_pod(name: str, kind: str, phase: str, made: str) -> dict[str, Any]:
    ended = {"name": "main", "state": {"terminated": {"exitCode": 0}}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            **{"name": name, "namespace": "x", "labels": {KIND: kind}},
            **{"creationTimestamp": made, "resourceVersion": "1"},
        },
        "status": {"phase": phase, "containerStatuses": [ended] if phase == "Succeeded" else []},
    }


class Namespace(Connection):
    """Stands in for an API server with pods: they are made, read, listed by one label, and deleted."""

    def __init__(self, *pods: dict[str, Any]) -> None:
        super().__init__("none")
        self.pods = {path(pod): pod for pod in pods}

    def now(self) -> datetime:
        return NOW

    def text(self, path: str, query: Any) -> str:
        return "said"

    def request(self, method: str, where: str, body: Any = None, *_: object, query: Any = None) -> Any:
        if method == "POST":
            self.pods[path(body)] = body
        elif method == "DELETE":
            return self.pods.pop(where)
        elif "labelSelector" in (query or {}):
            name, _, value = query["labelSelector"].partition("=")
            found = [pod for pod in self.pods.values() if pod["metadata"]["labels"].get(name) == value]
            return {"items": found}
        elif "fieldSelector" in (query or {}):
            name = query["fieldSelector"].removeprefix("metadata.name=")
            return {"items": [pod for pod in self.pods.values() if pod["metadata"]["name"] == name]}
        return self.pods.get(where)


def no_answer(what: str) -> Finding:
    return Finding(kind=FindingKind.TRANSIENT, object="pod", observed=what, cause="x", fix="x")


@pytest.mark.parametrize(
    ("kind", "phase", "made", "stays"),
    [
        ("resolver", "Succeeded", "2030-01-01T10:00:00Z", False),
        ("resolver", "Failed", "2030-01-01T10:00:00Z", False),
        ("resolver", "Succeeded", "2030-01-01T11:59:00Z", True),
        ("resolver", "Running", "2030-01-01T10:00:00Z", True),
        ("location", "Succeeded", "2030-01-01T10:00:00Z", True),
    ],
)
def test_what_ended_long_ago_and_was_left_is_removed(kind: str, phase: str, made: str, stays: bool) -> None:
    left = a_pod("left", kind, phase, made)
    namespace = Namespace(left)
    mine = a_pod("mine", "resolver", "Succeeded", "2030-01-01T12:00:00Z")
    one_shot.create(namespace, mine)
    assert one_shot.see_to_its_end(namespace, mine, 10, no_answer).said == "said"
    assert list(namespace.pods.values()) == ([left] if stays else [])
