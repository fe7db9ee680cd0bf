"""Waits until a cluster works again after its API server was away, which is later than its first answer.

Everything that watches the API retries ever more rarely while it gets no answer: up to 30 s, and as much
again at random (client-go's reflectors). Until then no default ServiceAccount is made, no pod starts, and
Services lead to earlier addresses.
"""

from __future__ import annotations

import socket
import time

from tests.cluster.access import own
from tests.cluster.cluster import Cluster
from tests.cluster.network import API_PORT, NODES
from tests.cluster.node import PAUSE_IMAGE

NAME = "recovery"
SECONDS = 150


def wait_recovered(cluster: Cluster) -> None:
    """Wait until controllers, scheduler, kubelet and kube-proxy do their work again.

    Raises KubectlFailed or TimeoutError.
    """
    cluster.wait_api()
    access = own(cluster)
    namespace = access.make_namespace("")
    try:
        pod = {"containers": [{"name": "pause", "image": PAUSE_IMAGE}], "terminationGracePeriodSeconds": 0}
        port = {"name": "https", "port": API_PORT}
        access.apply(
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": NAME}, "spec": pod},
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": NAME}, "spec": {"ports": [port]}},
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {"name": NAME, "labels": {"kubernetes.io/service-name": NAME}},
                "addressType": "IPv4",
                "ports": [{"name": "https", "port": API_PORT, "protocol": "TCP"}],
                "endpoints": [{"addresses": [NODES["node1"]]}],
            },
            namespace=namespace,
        )
        access.kubectl(
            "wait", f"pod/{NAME}", "--for=condition=Ready", f"--timeout={SECONDS}s", namespace=namespace
        )
        _wait_for_service(access.get("service", NAME, namespace)["spec"]["clusterIP"])
    finally:
        access.delete_namespace(namespace)


def _wait_for_service(address: str) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            socket.create_connection((address, API_PORT), timeout=1).close()
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {SECONDS} s for a Service at {address}: {error}") from None
            time.sleep(0.05)
