"""The lower bound of a redeploy: a bare pod of the same shape, from its creation until it is ready."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kubernetes import client, watch

from tests.kubernetes.stacks import ClusterStack


def start_of_a_bare_pod(stack: ClusterStack, number: int) -> float:
    """Return the seconds until a pod is ready that is made like the pod of release `number`."""
    api = client.CoreV1Api(stack.access.client())
    template = stack.get("deployment", f"dagster-grpc-a-{number}")["spec"]["template"]
    name = f"bare-{time.monotonic_ns()}"
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": template["spec"]}
    began = time.perf_counter()
    made = api.create_namespaced_pod(stack.namespace, body)
    try:
        _watch(api, stack.namespace, f"metadata.name={name}", made.metadata.resource_version, _is_ready)
        return time.perf_counter() - began
    finally:
        api.delete_namespaced_pod(name, stack.namespace, grace_period_seconds=0)


def _watch(
    api: client.CoreV1Api, namespace: str, fields: str, version: str, holds: Callable[[Any], bool]
) -> None:
    stream = watch.Watch().stream(
        api.list_namespaced_pod,
        namespace,
        field_selector=fields,
        resource_version=version,
        timeout_seconds=120,
    )
    if not any(holds(event["object"]) for event in stream):
        raise TimeoutError(f"{fields}: not ready after 120 s")


def _is_ready(pod: Any) -> bool:
    return any(one.type == "Ready" and one.status == "True" for one in pod.status.conditions or ())


class Deaths:
    """When the API server first reported a failed container of a pod, by the pod's release."""

    def __init__(self) -> None:
        self.told: dict[str, float] = {}

    def hear(self, pod: Any) -> None:
        number = (pod.metadata.labels or {}).get("playground.dagster/release", "")
        for one in pod.status.container_statuses or ():
            if one.state.terminated is not None or one.restart_count:
                self.told.setdefault(number, time.time())


@contextmanager
def watching_deaths(stack: ClusterStack) -> Iterator[Deaths]:
    api, found, over = client.CoreV1Api(stack.access.client()), Deaths(), threading.Event()

    def look() -> None:
        while not over.is_set():
            stream = watch.Watch().stream(api.list_namespaced_pod, stack.namespace, timeout_seconds=2)
            for event in stream:
                found.hear(event["object"])

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()
