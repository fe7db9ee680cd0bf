"""A stand-in for metrics-server: the same API, kept by the API server itself, in which a test writes numbers.

Its objects have the fields of `metrics.k8s.io/v1beta1` and no others (k8s.io/metrics, types.go). Nothing is
measured: a kubelet's measuring is not under test.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playground_ops.core.pod_settings import amount
from tests.ailing import Case
from tests.cluster.access import Access
from tests.kubernetes.ailments import Place, case

CRD = "pods.metrics.k8s.io"
TEXT = {"type": "string"}
CONTAINER = {
    "type": "object",
    "required": ["name", "usage"],
    "properties": {"name": TEXT, "usage": {"type": "object", "additionalProperties": TEXT}},
}
SCHEMA = {
    "type": "object",
    "required": ["timestamp", "window", "containers"],
    "properties": {
        "timestamp": {**TEXT, "format": "date-time"},
        "window": TEXT,
        "containers": {"type": "array", "items": CONTAINER},
    },
}
DEFINITION: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": CRD, "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"}},
    "spec": {
        "group": "metrics.k8s.io",
        "scope": "Namespaced",
        "names": {"plural": "pods", "singular": "pod", "kind": "PodMetrics", "listKind": "PodMetricsList"},
        "versions": [
            {"name": "v1beta1", "served": True, "storage": True, "schema": {"openAPIV3Schema": SCHEMA}}
        ],
    },
}


@contextmanager
def measured(access: Access) -> Iterator[None]:
    access.apply(DEFINITION)
    access.kubectl("wait", "--for=condition=Established", f"crd/{CRD}", "--timeout=30s")
    try:
        yield
    finally:
        access.kubectl("delete", "crd", CRD)


def swell(place: Place) -> None:
    """Report that the daemon's container uses 95 % of its memory."""
    place.held.enter_context(measured(place.stack.access))
    (pod,) = place.stack.pods("daemon")
    (container,) = pod["spec"]["containers"]
    limit = int(amount(container["resources"]["limits"]["memory"]))
    used = {"cpu": "12345678n", "memory": f"{limit * 95 // 100 // 1024}Ki"}
    place.stack.kubectl(
        *("apply", "--filename", "-"),
        stdin=json.dumps(
            {
                "apiVersion": "metrics.k8s.io/v1beta1",
                "kind": "PodMetrics",
                "metadata": {"name": pod["metadata"]["name"]},
                "timestamp": "2030-01-01T00:00:00Z",
                "window": "15s",
                "containers": [{"name": container["name"], "usage": used}],
            }
        ),
    )


MEMORY: Case[Place] = case(
    *("a container whose memory is nearly all used", "daemon", "has_room", "of memory that it may"),
    swell,
    lambda place: place.held.close(),
)
