"""Taking a stack down: what answers first, then the database; data only when that is asked for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from playground_ops.core.errors import Finding, FindingKind, PlaygroundError
from playground_ops.core.target import Say
from playground_ops.render.admission import API as POLICY_API
from playground_ops.render.names import MANAGER, OF_NAMESPACE, Object
from playground_ops.render.runs import COMPONENT
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import CLUSTER_WIDE, collection, path, title
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.api.streaming import lines
from playground_ops.targets.kubernetes.objects.applying import apply_object, delete_all
from playground_ops.targets.kubernetes.objects.inventory import MADE
from playground_ops.targets.kubernetes.pods.containers import FINAL
from playground_ops.targets.kubernetes.pods.deletion import end_pods

OURS = f"app.kubernetes.io/managed-by={MANAGER}"
RECORDS = "app.kubernetes.io/component notin (record, automation)"
NO_RUNS = f"app.kubernetes.io/component!={COMPONENT}"
FIRST = (("batch/v1", "Job"), ("apps/v1", "Deployment"))
ALONE = ("v1", "Pod")
"""Nothing else ends them: a backup's, or what whoever was killed could not remove. A run may wait for one."""
THEN = (
    ALONE,
    ("apps/v1", "StatefulSet"),
    ("networking.k8s.io/v1", "Ingress"),
    ("v1", "Service"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("v1", "ResourceQuota"),
    ("policy/v1", "PodDisruptionBudget"),
    ("v1", "ConfigMap"),
    ("coordination.k8s.io/v1", "Lease"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("v1", "ServiceAccount"),
    (POLICY_API, "ValidatingAdmissionPolicyBinding"),
    (POLICY_API, "ValidatingAdmissionPolicy"),
)
DATA = (("v1", "PersistentVolumeClaim"), ("v1", "Secret"), ("v1", "ConfigMap"))
LONGEST_SECONDS = 7200.0
"""For runs that may finish."""


def down(connection: Connection, namespaces: Sequence[str], say: Say, grace_seconds: float | None) -> None:
    """Runs may finish unless a grace is given. Raises PlaygroundError when pods do not end.

    The stack's own namespace is the first.
    """
    if grace_seconds is not None:
        for namespace in namespaces:
            _end_at_once(connection, namespace, say, int(grace_seconds))
    at_once, spared = ((ALONE,), RECORDS) if grace_seconds is not None else ((), f"{RECORDS},{NO_RUNS}")
    for kinds, labels in (((*FIRST, *at_once), spared), ((*FIRST, *THEN), RECORDS)):
        for api, kind in kinds:
            for namespace in namespaces[:1] if kind in CLUSTER_WIDE else namespaces:
                delete_all(connection, _ours(connection, namespace, api, kind, labels), say)
        for namespace in namespaces:
            _wait_until_pods_are_gone(connection, namespace, say, grace_seconds)


def _end_at_once(connection: Connection, namespace: str, say: Say, grace_seconds: int) -> None:
    """All Deployments side by side: each one's pods have so many seconds."""

    def end(found: dict[str, Any]) -> None:
        wanted = found["spec"]["selector"]["matchLabels"]
        selector = ",".join(f"{name}={value}" for name, value in wanted.items())
        end_pods(connection, namespace, found["metadata"]["name"], selector, grace_seconds)

    deployments = _ours(connection, namespace, "apps/v1", "Deployment")
    if deployments:
        say(f"ending {', '.join(found['metadata']['name'] for found in deployments)}")
    with ThreadPoolExecutor(max(1, len(deployments))) as pool:
        list(pool.map(end, deployments))


def delete_data(connection: Connection, namespaces: Sequence[str]) -> None:
    """Claims, passwords, records; and the namespaces that the stack made. Its own is the first."""
    home = namespaces[0]
    for namespace in (*namespaces[1:], home):
        for api, kind in DATA:
            delete_all(connection, _ours(connection, namespace, api, kind), lambda message: None)
        space: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        metadata = (connection.get(path(space)) or {}).get("metadata", {})
        if namespace == home:
            made = (metadata.get("labels") or {}).get("app.kubernetes.io/managed-by") == MANAGER
        else:
            made = MADE in (metadata.get("annotations") or {})
        if made:
            connection.request("DELETE", path(space))
        elif metadata and namespace != home:
            apply_object(connection, space)  # our labels go, and it is as it was


def _ours(
    connection: Connection, namespace: str, api: str, kind: str, more: str = ""
) -> list[dict[str, Any]]:
    """Of pods those without an owner."""
    mine = f"{OF_NAMESPACE}={namespace}" if kind in CLUSTER_WIDE else ""
    query = {"labelSelector": ",".join(filter(None, (OURS, mine, more)))}
    try:
        found = connection.listed(collection(api, kind, namespace), query)
    except Refusal as refusal:
        if kind in CLUSTER_WIDE and refusal.code in (403, 404):
            return []  # then this person did not make any
        raise
    return [
        {**one, "apiVersion": api, "kind": kind}
        for one in found["items"]
        if (api, kind) != ALONE or _is_alone(one)
    ]


def _wait_until_pods_are_gone(
    connection: Connection, namespace: str, say: Say, grace_seconds: float | None
) -> None:
    deadline = time.monotonic() + (LONGEST_SECONDS if grace_seconds is None else grace_seconds + 60)
    folder = collection("v1", "Pod", namespace)
    told = ""
    while True:
        listed = connection.request("GET", folder, query={"labelSelector": OURS})
        going = [
            {**pod, "apiVersion": "v1", "kind": "Pod"}
            for pod in listed["items"]
            if "deletionTimestamp" in pod["metadata"] or not (_is_kept(pod) or _has_ended(pod))
        ]
        if not going:
            return
        if time.monotonic() > deadline:
            raise PlaygroundError(*(_still_there(pod) for pod in going))
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


def _is_alone(pod: dict[str, Any]) -> bool:
    """Whether it has no owner."""
    return not pod["metadata"].get("ownerReferences")


def _has_ended(pod: dict[str, Any]) -> bool:
    """Whether it is that of a run that has ended, or one alone that has."""
    is_run = pod["metadata"]["labels"].get("app.kubernetes.io/component") == COMPONENT
    ended = pod["status"].get("phase") in FINAL
    return ended and (is_run or _is_alone(pod))


def _still_there(pod: dict[str, Any]) -> Finding:
    return Finding(
        kind=FindingKind.TRANSIENT,
        object=title(pod),
        observed="It has not ended.",
        cause="Its runs take longer than that, or its node does not answer.",
        fix="Run `down` again, with --now if its runs may be lost.",
    )
