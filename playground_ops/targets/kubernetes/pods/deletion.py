"""Ends the pods of a Deployment within a given time.

Deleting a Deployment gives its pods their own grace, an hour for a code server, and a kubelet that has begun
to wait may ignore a shorter one. So Deployment and ReplicaSets are deleted first, orphaning the pods, which
are then deleted with the wanted grace.
"""

import math
from collections.abc import Callable

from playground_ops.core.pod import Pod
from playground_ops.core.target import Say
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import Selection, collection, path, path_of
from playground_ops.targets.kubernetes.api.streaming import states
from playground_ops.targets.kubernetes.objects.applying import delete


def end_pods(connection: Connection, namespace: str, name: str, selector: str, grace_seconds: int) -> None:
    """End them. Returns when the pods are gone, or some seconds after their grace."""
    orphan = {"propagationPolicy": "Orphan"}
    delete(connection, path_of("apps/v1", "Deployment", name, namespace), **orphan)
    chosen, told = Selection(namespace, selector), set[str]()
    sets = connection.request("GET", collection("apps/v1", "ReplicaSet", namespace), query=chosen.query)
    for found in sets["items"]:
        delete(connection, path({**found, "apiVersion": "apps/v1", "kind": "ReplicaSet"}), **orphan)
    for left in states(connection, chosen, grace_seconds + 5.0, lambda: math.inf):
        if not left:
            return
        for pod in left:
            if pod.grace_seconds > grace_seconds and pod.uid not in told:
                delete(connection, path(pod.reference), gracePeriodSeconds=str(grace_seconds))
                told.add(pod.uid)


def wait_until_gone(
    connection: Connection, chosen: Selection, seconds: float, is_going: Callable[[Pod], bool], say: Say
) -> list[Pod]:
    """Wait for the pods that are going, telling `say`. Returns those left after `seconds`."""
    left, told = list[Pod](), ""
    for pods in states(connection, chosen, seconds):
        left = sorted(filter(is_going, pods), key=lambda pod: pod.name)
        if not left:
            break
        if (names := ", ".join(pod.name for pod in left)) != told:
            say(f"waiting for {names} to end")
            told = names
    return left
