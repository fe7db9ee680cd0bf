"""Taking a stack down: what answers first, then the database; data only when that is asked for."""

from __future__ import annotations

import time
from typing import Any

from playground_ops.errors import Finding, FindingKind, PlaygroundError
from playground_ops.render.names import MANAGER
from playground_ops.targets.base import Say
from playground_ops.targets.kubernetes.applying import delete_all
from playground_ops.targets.kubernetes.connection import Connection
from playground_ops.targets.kubernetes.paths import collection, path, title
from playground_ops.targets.kubernetes.streaming import lines

OURS = f"app.kubernetes.io/managed-by={MANAGER}"
RECORDS = "app.kubernetes.io/component notin (record, automation)"
FIRST = (("batch/v1", "Job"), ("apps/v1", "Deployment"))
THEN = (
    ("apps/v1", "StatefulSet"),
    ("networking.k8s.io/v1", "Ingress"),
    ("v1", "Service"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("v1", "ConfigMap"),
    ("coordination.k8s.io/v1", "Lease"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("v1", "ServiceAccount"),
)
DATA = (("v1", "PersistentVolumeClaim"), ("v1", "Secret"), ("v1", "ConfigMap"))
LONGEST_SECONDS = 7200.0
"""For runs that may finish."""


def down(connection: Connection, namespace: str, say: Say, grace_seconds: float | None) -> None:
    """Runs may finish unless a grace is given. Raises PlaygroundError when pods do not end."""
    for kinds in (FIRST, THEN):
        for api, kind in kinds:
            delete_all(connection, _ours(connection, namespace, api, kind, RECORDS), say)
        _wait_until_pods_are_gone(connection, namespace, say, grace_seconds)


def delete_data(connection: Connection, namespace: str) -> None:
    """Claims, the password, records; and the namespace, when the stack made it."""
    for api, kind in DATA:
        delete_all(connection, _ours(connection, namespace, api, kind), lambda message: None)
    where = path({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    found = connection.get(where)
    if found and (found["metadata"].get("labels") or {}).get("app.kubernetes.io/managed-by") == MANAGER:
        connection.request("DELETE", where)


def _ours(
    connection: Connection, namespace: str, api: str, kind: str, more: str = ""
) -> list[dict[str, Any]]:
    query = {"labelSelector": ",".join(filter(None, (OURS, more)))}
    found = connection.request("GET", collection(api, kind, namespace), query=query)
    return [{**one, "apiVersion": api, "kind": kind} for one in found["items"]]


def _wait_until_pods_are_gone(
    connection: Connection, namespace: str, say: Say, grace_seconds: float | None
) -> None:
    deadline = time.monotonic() + (LONGEST_SECONDS if grace_seconds is None else grace_seconds + 60)
    folder = collection("v1", "Pod", namespace)
    told, hastened = "", set()
    while True:
        listed = connection.request("GET", folder, query={"labelSelector": OURS})
        going = [
            {**pod, "apiVersion": "v1", "kind": "Pod"}
            for pod in listed["items"]
            if "deletionTimestamp" in pod["metadata"] or not _is_kept(pod)
        ]
        if not going:
            return
        if time.monotonic() > deadline:
            raise PlaygroundError(*(_still_there(pod) for pod in going))
        for pod in going if grace_seconds is not None else ():
            if pod["metadata"]["uid"] not in hastened:
                hastened.add(pod["metadata"]["uid"])
                query = {"gracePeriodSeconds": str(int(grace_seconds or 0))}
                connection.request("DELETE", path(pod), query=query)
        names = ", ".join(sorted(pod["metadata"]["name"] for pod in going))
        if names != told:
            say(f"waiting for {names} to end")
            told = names
        query = {
            "watch": "1",
            "labelSelector": OURS,
            "resourceVersion": listed["metadata"]["resourceVersion"],
        }
        next(lines(connection, folder, query, 10.0), None)


def _is_kept(pod: dict[str, Any]) -> bool:
    """Whether its owner is still there: the database's, while others end."""
    owners = pod["metadata"].get("ownerReferences", ())
    return any(owner["kind"] == "StatefulSet" for owner in owners)


def _still_there(pod: dict[str, Any]) -> Finding:
    return Finding(
        kind=FindingKind.TRANSIENT,
        object=title(pod),
        observed="It has not ended.",
        cause="Its runs take longer than that, or its node does not answer.",
        fix="Run `down` again, with --now if its runs may be lost.",
    )
