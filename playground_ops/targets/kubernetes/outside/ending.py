"""Takes a stack down: servers first, then the database; data only on request."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from playground_ops.core.errors import Finding, PlaygroundError, transient
from playground_ops.core.pod import Pod
from playground_ops.core.target import Say
from playground_ops.render.admission_policy import API as POLICY_API
from playground_ops.render.names import MANAGER, OF_NAMESPACE, Object
from playground_ops.render.runs import COMPONENT
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import CLUSTER_WIDE, Selection, collection, path, title
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.objects.applying import apply_object, delete_all
from playground_ops.targets.kubernetes.objects.inventory import MADE
from playground_ops.targets.kubernetes.pods.deletion import end_pods, wait_until_gone

OURS = f"app.kubernetes.io/managed-by={MANAGER}"
RECORDS = "app.kubernetes.io/component notin (record, automation, format)"
NO_RUNS = f"app.kubernetes.io/component!={COMPONENT}"
FIRST = (("batch/v1", "Job"), ("apps/v1", "Deployment"))
ALONE = ("v1", "Pod")
"""Pods without an owner, such as a backup's, or one whose maker was killed. A run may wait for one."""
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
"""Time for runs that may finish."""


def down(connection: Connection, namespaces: Sequence[str], say: Say, grace_seconds: float | None) -> None:
    """End the stack; runs may finish unless a grace is given. The stack's own namespace is the first.

    Raises PlaygroundError when pods do not end.
    """
    if grace_seconds is not None:
        for namespace in namespaces:
            _end_at_once(connection, namespace, say, int(grace_seconds))
    seconds = LONGEST_SECONDS if grace_seconds is None else grace_seconds + 60
    at_once, spared = ((ALONE,), RECORDS) if grace_seconds is not None else ((), f"{RECORDS},{NO_RUNS}")
    for kinds, labels in (((*FIRST, *at_once), spared), ((*FIRST, *THEN), RECORDS)):
        for api, kind in kinds:
            for namespace in namespaces[:1] if kind in CLUSTER_WIDE else namespaces:
                delete_all(connection, _ours(connection, namespace, api, kind, labels), say)
        for namespace in namespaces:
            if left := wait_until_gone(connection, Selection(namespace, OURS), seconds, _is_going, say):
                raise PlaygroundError(*map(_still_there, left))


def _end_at_once(connection: Connection, namespace: str, say: Say, grace_seconds: int) -> None:
    """End the pods of all Deployments at the same time, with this grace."""

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
    """Delete claims, passwords, records, and the namespaces that the stack made. Its own is the first."""
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
    """List our objects of a kind, without pods that have an owner, which ends them."""
    mine = f"{OF_NAMESPACE}={namespace}" if kind in CLUSTER_WIDE else ""
    query = {"labelSelector": ",".join(filter(None, (OURS, mine, more)))}
    try:
        found = connection.listed(collection(api, kind, namespace), query)
    except Refusal as refusal:
        if kind in CLUSTER_WIDE and refusal.code in (403, 404):
            return []  # whoever may not list them did not create any
        raise
    return [
        {**one, "apiVersion": api, "kind": kind}
        for one in found["items"]
        if (api, kind) != ALONE or not Pod.read(one).owners
    ]


def _is_going(pod: Pod) -> bool:
    """Return whether the pod will go; the database's and ended ones that stay will not."""
    is_run = pod.labels.get("app.kubernetes.io/component") == COMPONENT
    stays = "StatefulSet" in pod.owners or (pod.has_ended and (is_run or not pod.owners))
    return pod.is_ending or not stays


def _still_there(pod: Pod) -> Finding:
    return transient(
        object=title(pod.reference),
        observed="It has not ended.",
        cause="Its runs take longer than that, or its node does not answer.",
        fix="Run `down` again, with --now if its runs may be lost.",
    )
