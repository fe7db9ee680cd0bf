"""Collects the objects (without secrets), events and container logs of a stack's namespaces, as text."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from playground_ops.core.errors import PlaygroundError
from playground_ops.core.pod import Pod
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import collection, path

_KINDS = {
    "v1": ("Event", "Pod", "Service", "ConfigMap", "Secret", "PersistentVolumeClaim", "ResourceQuota"),
    "apps/v1": ("Deployment", "ReplicaSet", "StatefulSet"),
    "batch/v1": ("Job",),
    "coordination.k8s.io/v1": ("Lease",),
    "networking.k8s.io/v1": ("Ingress", "NetworkPolicy"),
    "rbac.authorization.k8s.io/v1": ("Role", "RoleBinding"),
}
KINDS = [(version, kind) for version, kinds in _KINDS.items() for kind in kinds]
LINES = "5000"


def collect(connection: Connection, namespaces: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield a name and a text for each file. What may not be read has the refusal as its text."""
    for namespace in namespaces:
        pods: list[Pod] = []
        for version, kind in KINDS:
            try:
                items = connection.request("GET", collection(version, kind, namespace))["items"]
            except PlaygroundError as error:
                yield f"objects/{namespace}/{kind}.txt", str(error)
                continue
            pods += map(Pod.read, items) if kind == "Pod" else []
            text = "\n".join(json.dumps(_without_secrets(kind, one), sort_keys=True) for one in items)
            yield f"objects/{namespace}/{kind}.jsonl", text
        for pod in pods:
            yield from _logs(connection, pod)


def _logs(connection: Connection, pod: Pod) -> Iterator[tuple[str, str]]:
    for container in pod.names:
        now = pod.log_state(container)
        for previous in (False, True):
            if not (now.previous if previous else now.id):
                continue
            query = {"container": container, "tailLines": LINES, "timestamps": "true"}
            query |= {"previous": "true"} if previous else {}
            try:
                text = connection.text(f"{path(pod.reference)}/log", query)
            except PlaygroundError as error:
                text = str(error)
            yield f"logs/{pod.namespace}/{pod.name}/{container}{'.previous' if previous else ''}.log", text


def _without_secrets(kind: str, found: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in found["metadata"].items() if key != "managedFields"}
    kept = {**found, "metadata": metadata}
    for section in ("data", "stringData") if kind == "Secret" else ("binaryData",):
        if section in kept:
            kept[section] = {key: f"*** ({len(text)} characters)" for key, text in found[section].items()}
    if kind == "Secret":
        # A client-side apply keeps the whole object there.
        metadata["annotations"] = dict.fromkeys(metadata.get("annotations", {}), "***")
    return kept
