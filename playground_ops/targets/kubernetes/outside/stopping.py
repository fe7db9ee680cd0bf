"""Stops the stack's Dagster processes for a restore of the database, and starts them again."""

import json
from collections.abc import Sequence
from typing import Any

from playground_ops.core.errors import Finding, PlaygroundError, certain, transient
from playground_ops.core.pod import Pod
from playground_ops.core.target import Say
from playground_ops.render.names import MANAGER, PREFIX
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import Selection, collection, path
from playground_ops.targets.kubernetes.outside import postgres
from playground_ops.targets.kubernetes.outside.executing import Place
from playground_ops.targets.kubernetes.pods.deletion import wait_until_gone
from playground_ops.targets.kubernetes.pods.selection import selected_pods

DAGSTER = (
    f"app.kubernetes.io/managed-by={MANAGER},"
    "app.kubernetes.io/component in (webserver, webserver-read-only, daemon, location, run_worker)"
)
ERRANDS = f"app.kubernetes.io/managed-by={MANAGER},app.kubernetes.io/component=errand"
REPLICAS = f"{PREFIX}replicas-before-stop"
"""Annotation of a stopped Deployment with its replicas before, in case the stopping process dies."""
STOP_SECONDS = 180.0
MERGE = "application/merge-patch+json"
_CONNECTED = """
SELECT coalesce(json_agg(DISTINCT coalesce(host(client_addr), 'the pod itself')), '[]')
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND backend_type = 'client backend';
"""


def must_be_stopped(connection: Connection, place: Place, namespaces: Sequence[str]) -> None:
    """Raises PlaygroundError with everything that still runs or is connected."""
    running = [name for namespace in namespaces for name in _pods(connection, namespace)]
    findings = [_runs(running)] if running else []
    addresses = json.loads(postgres.psql(connection, place, _CONNECTED))
    if addresses and not running:
        findings.append(_connected(addresses))
    if findings:
        raise PlaygroundError(*findings)


def stop(connection: Connection, namespaces: Sequence[str], say: Say, grace_seconds: int | None) -> None:
    """Scale everything of Dagster to 0 and wait for its pods to be gone. Raises PlaygroundError.

    Without a grace each has as long as its runs need. An annotation keeps the replicas for `start`.
    """
    for found in _deployments(connection, namespaces):
        replicas = int(found["spec"].get("replicas", 1))
        if replicas:
            _scale(connection, found, 0, str(replicas))
            say(f"{found['metadata']['name']} stops")
    for namespace in namespaces if grace_seconds is not None else ():
        for pod in _pods(connection, namespace):
            where = Selection(namespace).pod_path(pod)
            connection.request("DELETE", where, query={"gracePeriodSeconds": str(grace_seconds)})
    for namespace in namespaces:
        if left := wait_until_gone(connection, Selection(namespace, DAGSTER), STOP_SECONDS, _is_up, say):
            raise PlaygroundError(_still_there(left))


def start(connection: Connection, namespaces: Sequence[str], say: Say) -> None:
    """Scale what `stop` scaled down back to what it was."""
    for found in _deployments(connection, namespaces):
        before = (found["metadata"].get("annotations") or {}).get(REPLICAS)
        if before is not None:
            _scale(connection, found, int(before) if before.isdigit() else 1, None)
            say(f"{found['metadata']['name']} starts")


def _scale(connection: Connection, found: dict[str, Any], replicas: int, before: str | None) -> None:
    body = {"metadata": {"annotations": {REPLICAS: before}}, "spec": {"replicas": replicas}}
    where = path({**found, "apiVersion": "apps/v1", "kind": "Deployment"})
    connection.request("PATCH", where, body, MERGE, {"fieldManager": MANAGER})


def _pods(connection: Connection, namespace: str) -> list[str]:
    """Return the names of running pods, including those of rollouts under way."""
    chosen = [Selection(namespace, selector) for selector in (DAGSTER, ERRANDS)]
    return sorted(pod.name for one in chosen for pod in selected_pods(connection, one) if _is_up(pod))


def _is_up(pod: Pod) -> bool:
    return not pod.has_ended


def _deployments(connection: Connection, namespaces: Sequence[str]) -> list[dict[str, Any]]:
    folders = [collection("apps/v1", "Deployment", namespace) for namespace in namespaces]
    query = {"labelSelector": DAGSTER}
    return [one for folder in folders for one in connection.request("GET", folder, query=query)["items"]]


def _runs(pods: Sequence[str]) -> Finding:
    return certain(
        object="stack",
        observed=f"It runs: {', '.join(pods)}.",
        cause="Dagster's processes would write into a database that is being replaced under them.",
        fix="Stop it for the restore by --stop, which starts it again afterwards. Nothing was changed.",
    )


def _connected(addresses: Sequence[str]) -> Finding:
    return certain(
        object="database",
        observed=f"Somebody else is connected to it, from {', '.join(addresses)}.",
        cause="A psql session, or a program that is not of this stack, uses it.",
        fix="End it (`SELECT * FROM pg_stat_activity` tells more), then restore. Nothing was changed.",
    )


def _still_there(pods: Sequence[Pod]) -> Finding:
    return transient(
        object="stack",
        observed=f"After {STOP_SECONDS:.0f} s there still are {', '.join(pod.name for pod in pods)}.",
        cause="A code server finishes its runs before it ends.",
        fix="Wait for the runs and restore again, or end them by --force. The stack starts again meanwhile.",
    )
