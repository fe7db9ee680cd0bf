"""Ending the pods of a Deployment within a given time.

Deleting a Deployment gives its pods their own grace, an hour for a code server, and a kubelet that has
begun to wait that long need not hear of a shorter one. So the pods are let go of first, by deleting what
would make them anew and orphaning them, and are then deleted themselves, with the grace that is wanted.
"""

from __future__ import annotations

import time
from typing import Any

from playground_ops.render.names import an_object
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import collection, path
from playground_ops.targets.kubernetes.api.streaming import lines
from playground_ops.targets.kubernetes.objects.applying import delete


def end_pods(connection: Connection, namespace: str, name: str, selector: str, grace_seconds: int) -> None:
    """Returns when the Deployment's pods are gone, or some seconds after their grace."""
    orphan = {"propagationPolicy": "Orphan"}
    delete(connection, path(an_object("apps/v1", "Deployment", name, namespace, {})), **orphan)
    for found in _listed(connection, "apps/v1", "ReplicaSet", namespace, selector)["items"]:
        delete(connection, path({**found, "apiVersion": "apps/v1", "kind": "ReplicaSet"}), **orphan)
    deadline = time.monotonic() + grace_seconds + 5.0
    while True:
        listed = _listed(connection, "v1", "Pod", namespace, selector)
        for pod in listed["items"]:
            if pod["metadata"].get("deletionGracePeriodSeconds", grace_seconds + 1) > grace_seconds:
                where = path({**pod, "apiVersion": "v1", "kind": "Pod"})
                delete(connection, where, gracePeriodSeconds=str(grace_seconds))
        left = deadline - time.monotonic()
        if not listed["items"] or left <= 0:
            return
        query = {
            "watch": "1",
            "labelSelector": selector,
            "resourceVersion": str(listed["metadata"]["resourceVersion"]),
        }
        next(lines(connection, collection("v1", "Pod", namespace), query, left), None)


def _listed(connection: Connection, api: str, kind: str, namespace: str, selector: str) -> dict[str, Any]:
    query = {"labelSelector": selector}
    return dict(connection.request("GET", collection(api, kind, namespace), query=query))
