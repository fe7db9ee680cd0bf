"""A second node on demand: pods run there, are reached from the first, move when it is drained."""

from __future__ import annotations

from typing import Any
from urllib.request import urlopen

import pytest

from tests.asking import eventually
from tests.cluster.access import Access
from tests.cluster.cluster import Cluster
from tests.cluster.pods import SLEEP, a_pod, inside, ready

pytestmark = pytest.mark.soak
SERVER = ("python", "-m", "http.server", "8000", "--directory", "/tmp")


def on(node: str) -> dict[str, Any]:
    return {"nodeSelector": {"kubernetes.io/hostname": node}}


def a_deployment(name: str, **spec: Any) -> dict[str, Any]:
    pod = a_pod(name, *SERVER, restartPolicy="Always", **spec)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": pod["metadata"] | {"name": ""}, "spec": pod["spec"]},
        },
    }


def test_pods_of_two_nodes_reach_each_other_and_move_when_one_is_drained(
    cluster: Cluster, access: Access, namespace: str, second_node: str
) -> None:
    names = access.kubectl("get", "nodes", "-o", "name").split()
    assert names == ["node/node1", f"node/{second_node}"]
    access.apply(
        a_pod("far", *SERVER, **on(second_node)), a_pod("near", *SLEEP, **on("node1")), namespace=namespace
    )
    far = ready(access, namespace, "far")
    ready(access, namespace, "near")
    url = f"http://{far.address}:8000"
    ask = f"from urllib.request import urlopen; print(urlopen({url!r}, timeout=5).status)"
    assert inside(access, namespace, "near", ask) == "200"
    with urlopen(url, timeout=5) as answer:
        assert answer.status == 200
    assert access.kubectl("logs", "far", namespace=namespace)

    access.kubectl("cordon", "node1")
    access.apply(a_deployment("moves"), namespace=namespace)
    access.kubectl("rollout", "status", "deployment/moves", "--timeout=60s", namespace=namespace)
    (before,) = access.pods(namespace, "app=moves")
    assert before.node == second_node
    access.kubectl("uncordon", "node1")
    access.kubectl("drain", second_node, "--force", "--ignore-daemonsets", "--delete-emptydir-data")

    def moved() -> bool:
        return [pod.node for pod in access.pods(namespace, "app=moves") if pod.ready] == ["node1"]

    eventually("it to run on the first", moved, every_seconds=0.2)


def test_a_lost_node_is_seen_to_be_lost(cluster: Cluster, access: Access, second_node: str) -> None:
    cluster.machines[second_node].kill()

    def condition() -> str:
        found = access.get("node", second_node)["status"]["conditions"]
        return next(str(one["status"]) for one in found if one["type"] == "Ready")

    eventually("it to be unknown", lambda: condition() == "Unknown", every_seconds=0.5)
