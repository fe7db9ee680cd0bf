"""What the containers of pods use, where somebody measures it: metrics-server, or what stands in for it.

Source: the resource metrics API (kubernetes.io, "Resource metrics pipeline"), `metrics.k8s.io/v1beta1`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from playground_ops.component import Usage
from playground_ops.errors import PlaygroundError
from playground_ops.pods import amount
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import collection

METRICS = "metrics.k8s.io/v1beta1"

Used = Mapping[str, Mapping[str, Mapping[str, str]]]
"""Quantities by pod, container and resource."""


def used(connection: Connection, namespace: str) -> Used:
    """Empty where nobody measures it, or nobody may say: that is no fault of the stack."""
    try:
        found = connection.request("GET", collection(METRICS, "Pod", namespace))
    except PlaygroundError:
        return {}
    return {
        pod["metadata"]["name"]: {one["name"]: one["usage"] for one in pod["containers"]}
        for pod in found["items"]
    }


def usage_of(pod: Mapping[str, Any], used: Used) -> Usage | None:
    """Of the container that is nearest to its limit of memory."""
    known = used.get(pod["metadata"]["name"], {})
    limits = {
        one["name"]: one.get("resources", {}).get("limits", {})
        for one in pod.get("spec", {}).get("containers", ())
    }
    each = [_usage(name, known[name], limits[name]) for name in limits if name in known]
    return max(each, key=lambda one: (one.filled, one.memory_bytes), default=None)


def _usage(name: str, used: Mapping[str, str], limits: Mapping[str, str]) -> Usage:
    memory, processor = limits.get("memory"), limits.get("cpu")
    return Usage(
        container=name,
        memory_bytes=int(amount(used["memory"])),
        memory_limit_bytes=int(amount(memory)) if memory else None,
        millicores=round(amount(used["cpu"]) * 1000),
        limit_millicores=round(amount(processor) * 1000) if processor else None,
    )
