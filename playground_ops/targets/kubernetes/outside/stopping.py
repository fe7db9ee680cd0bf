"""Stops a deployment's Dagster processes for a restore of its database, and starts them again.

Of another deployment than the main one `ops` goes on: it opens a connection for each query, which waits for
the restore's one transaction.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playground_ops.config import Configuration
from playground_ops.core.clock import SystemClock
from playground_ops.core.errors import Finding, PlaygroundError, certain, transient
from playground_ops.core.model import MAIN
from playground_ops.core.pod import Pod
from playground_ops.core.target import Say
from playground_ops.render.deployments import DEPLOYMENT
from playground_ops.render.names import MANAGER, PREFIX
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import Selection, collection, path
from playground_ops.targets.kubernetes.objects.components import COMPONENT, standing
from playground_ops.targets.kubernetes.outside import postgres
from playground_ops.targets.kubernetes.outside.executing import Place
from playground_ops.targets.kubernetes.pods.deletion import wait_until_gone
from playground_ops.targets.kubernetes.pods.selection import selected_pods

DAGSTER = f"app.kubernetes.io/managed-by={MANAGER},{COMPONENT}"
ERRANDS = f"app.kubernetes.io/managed-by={MANAGER},app.kubernetes.io/component=errand"
REPLICAS = f"{PREFIX}replicas-before-stop"
"""Annotation of a stopped Deployment with its replicas before, in case the stopping process dies."""
_OF_A_LOCATION = ("location", "run_worker")
"""The component labels of servers, and of runs in pods of their own."""
STOP_SECONDS = 180.0
PASSING_SECONDS = 10.0
"""How long connections are given that somebody opens for a query."""
MERGE = "application/merge-patch+json"
_CONNECTED = """
SELECT coalesce(json_agg(DISTINCT coalesce(host(client_addr), 'the pod itself')), '[]')
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND backend_type = 'client backend';
"""


@dataclass(frozen=True)
class Processes:
    """The processes of one deployment, in all namespaces of the stack."""

    connection: Connection
    configuration: Configuration
    """The whole configuration."""
    deployment: str = MAIN

    def are_of(self, labels: Mapping[str, str]) -> bool:
        """Return whether labels are of one of them."""
        component = labels.get(COMPONENT, "")
        found = standing(component)
        is_dagster = component in _OF_A_LOCATION or (found is not None and found.kind != "postgres")
        return is_dagster and labels.get(DEPLOYMENT, MAIN) == self.deployment


def must_be_stopped(of: Processes, place: Place) -> None:
    """Raises PlaygroundError with everything that still runs or is connected."""
    running = [name for namespace in of.configuration.namespaces for name in _pods(of, namespace)]
    findings = [_runs(running)] if running else []
    addresses = [] if running else _connected_from(of, place)
    if addresses:
        findings.append(_connected(addresses))
    if findings:
        raise PlaygroundError(*findings)


def _connected_from(of: Processes, place: Place) -> list[str]:
    """Return who is connected, and stays so where `ops` may ask something in passing."""
    whose = postgres.owner_of(of.configuration.of(of.deployment))
    deadline = time.monotonic() + (PASSING_SECONDS if of.deployment != MAIN else 0.0)
    while True:
        found: list[str] = json.loads(postgres.psql(of.connection, place, _CONNECTED, whose))
        if not found or time.monotonic() > deadline:
            return found
        SystemClock().sleep(0.5)


def stop(of: Processes, say: Say, grace_seconds: int | None) -> None:
    """Scale the deployment to 0 and wait for its pods to be gone. Raises PlaygroundError.

    Without a grace each has as long as its runs need. An annotation keeps the replicas for `start`.
    """
    connection, namespaces = of.connection, of.configuration.namespaces
    for found in _deployments(of):
        replicas = int(found["spec"].get("replicas", 1))
        if replicas:
            _scale(connection, found, 0, str(replicas))
            say(f"{found['metadata']['name']} stops")
    for namespace in namespaces if grace_seconds is not None else ():
        for pod in _pods(of, namespace):
            where = Selection(namespace).pod_path(pod)
            connection.request("DELETE", where, query={"gracePeriodSeconds": str(grace_seconds)})

    def is_in_the_way(pod: Pod) -> bool:
        return _is_up(pod) and of.are_of(pod.labels)

    for namespace in namespaces:
        chosen = Selection(namespace, DAGSTER)
        if left := wait_until_gone(connection, chosen, STOP_SECONDS, is_in_the_way, say):
            raise PlaygroundError(_still_there(left))


def start(of: Processes, say: Say) -> None:
    """Scale what `stop` scaled down back to what it was."""
    for found in _deployments(of):
        before = (found["metadata"].get("annotations") or {}).get(REPLICAS)
        if before is not None:
            _scale(of.connection, found, int(before) if before.isdigit() else 1, None)
            say(f"{found['metadata']['name']} starts")


def _scale(connection: Connection, found: dict[str, Any], replicas: int, before: str | None) -> None:
    body = {"metadata": {"annotations": {REPLICAS: before}}, "spec": {"replicas": replicas}}
    where = path({**found, "apiVersion": "apps/v1", "kind": "Deployment"})
    connection.request("PATCH", where, body, MERGE, {"fieldManager": MANAGER})


def _pods(of: Processes, namespace: str) -> list[str]:
    """Return the names of running pods, including those of rollouts under way."""
    found = [
        one for one in selected_pods(of.connection, Selection(namespace, DAGSTER)) if of.are_of(one.labels)
    ]
    found += selected_pods(of.connection, Selection(namespace, ERRANDS))
    return sorted(pod.name for pod in found if _is_up(pod))


def _is_up(pod: Pod) -> bool:
    return not pod.has_ended


def _deployments(of: Processes) -> list[dict[str, Any]]:
    folders = [collection("apps/v1", "Deployment", namespace) for namespace in of.configuration.namespaces]
    query = {"labelSelector": DAGSTER}
    found = [one for folder in folders for one in of.connection.request("GET", folder, query=query)["items"]]
    return [one for one in found if of.are_of(one["metadata"]["labels"])]


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
