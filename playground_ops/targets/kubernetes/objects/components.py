"""How the components of a stack do, told from their workloads, pods and metrics.

Source: the resource metrics API (kubernetes.io, "Resource metrics pipeline"), `metrics.k8s.io/v1beta1`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

from playground_ops.core.component import ComponentStatus, Usage
from playground_ops.core.errors import Finding, PlaygroundError
from playground_ops.core.pod_settings import amount
from playground_ops.diagnose.pods import Collected, Seen, look, not_created, of_those_before
from playground_ops.diagnose.server_log import explain_end
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import collection
from playground_ops.targets.kubernetes.pods.containers import last_end, restarts

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


Kind = Literal["webserver", "daemon", "postgres"]
KINDS: Mapping[str, Kind] = {
    "postgres": "postgres",
    "webserver": "webserver",
    "webserver-read-only": "webserver",
    "daemon": "daemon",
}
"""Of the components that are no locations, in the order in which they are told."""
WORKLOADS: Mapping[Kind, str] = {
    "webserver": "Deployment",
    "daemon": "Deployment",
    "postgres": "StatefulSet",
}
COMPONENT = "app.kubernetes.io/component"


def status_of(
    name: str,
    workload: Mapping[str, Any],
    pods: Sequence[Mapping[str, Any]],
    collected: Callable[[Mapping[str, Any]], Collected] = Collected,
    used: Used = MappingProxyType({}),
) -> ComponentStatus:
    """`collected` tells more of a pod that is not ready; `used` what pods use."""
    mine = [pod for pod in pods if pod["metadata"].get("labels", {}).get(COMPONENT) == name]
    newest = max(mine, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)
    asked_for = workload["spec"].get("replicas", 1)
    ready = is_rolled_out(workload) and asked_for > 0
    seen = None if ready or newest is None or not asked_for else look(collected(newest), explain_end)
    return ComponentStatus(
        name=name,
        kind=KINDS[name],
        ready=ready,
        since=str(newest["metadata"]["creationTimestamp"]) if newest else None,
        restarts=restarts(newest) if newest else 0,
        last_end=last_end(newest) if newest else None,
        message="" if ready else _message(workload, seen),
        finding=None if ready else (seen and seen.finding) or of_those_before(mine) or _refused(workload),
        usage=usage_of(newest, used) if newest else None,
    )


def location_status(
    name: str, number: int | None, pods: Sequence[Mapping[str, Any]], used: Used = MappingProxyType({})
) -> ComponentStatus:
    """`pods` are those of the release that serves."""
    newest = max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)
    if number is None or newest is None:
        message = "serves no release" if number is None else f"release {number} has no pod"
        return ComponentStatus(name=name, kind="location", ready=False, message=message)
    seen = look(Collected(newest))
    return ComponentStatus(
        name=name,
        kind="location",
        ready=seen.ready,
        since=str(newest["metadata"]["creationTimestamp"]),
        restarts=restarts(newest),
        last_end=last_end(newest),
        message="" if seen.ready else seen.message,
        usage=usage_of(newest, used),
    )


def is_rolled_out(workload: Mapping[str, Any]) -> bool:
    """Whether all that was asked for runs, and nothing older (as `kubectl rollout status` has it)."""
    status, wanted = workload.get("status", {}), workload["spec"].get("replicas", 1)
    if status.get("observedGeneration", 0) < workload["metadata"].get("generation", 0):
        return False
    counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "readyReplicas")]
    return all(count == wanted for count in counts)


def _refused(workload: Mapping[str, Any]) -> Finding | None:
    """Where the API server does not take its pod."""
    for condition in workload.get("status", {}).get("conditions", ()):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            name = f"{workload.get('kind', 'deployment').lower()}/{workload['metadata']['name']}"
            return not_created(name, str(condition.get("message", "")))
    return None


def _message(workload: Mapping[str, Any], seen: Seen | None) -> str:
    if not workload["spec"].get("replicas", 1):
        return "it is scaled to nothing, so it has no pod"
    if seen is not None:
        return "the pod before it to end" if seen.ready else seen.message
    refused = _refused(workload)
    return refused.observed if refused else "its pod to be made"
