"""Small pods for tests, as locked down as the Pod Security Standard `restricted` requires."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.asking import eventually
from tests.cluster.access import Access, Pod
from tests.cluster.images import dagster

SLEEP = ("python", "-c", "import time; print('up', flush=True); time.sleep(3600)")
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def a_pod(
    name: str,
    *command: str,
    image: str = "",
    user: int = 10001,
    volumes: Mapping[str, tuple[str, object]] | None = None,
    container: dict[str, Any] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    """Return a pod. `volumes`: by name, mount path and source. Other arguments are fields of its own."""
    found: dict[str, Any] = {"tmp": ("/tmp", {"emptyDir": {}}), **(volumes or {})}
    main = {
        "name": "main",
        "image": image or dagster.name(),
        "imagePullPolicy": "IfNotPresent",
        **({"command": list(command)} if command else {}),
        "securityContext": {**RESTRICTED, "runAsUser": user, "runAsGroup": user},
        "volumeMounts": [{"name": key, "mountPath": place} for key, (place, _) in found.items()],
        **(container or {}),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            "securityContext": {"fsGroup": user},
            "containers": [main],
            "volumes": [{"name": key, **what} for key, (_, what) in found.items()],
            **spec,
        },
    }


def a_claim(name: str, size: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}},
    }


def ready(access: Access, namespace: str, name: str) -> Pod:
    def found() -> Pod | None:
        pod = access.pod(namespace, name)
        assert pod.phase not in ("Failed", "Succeeded"), access.story(namespace)
        return pod if pod.ready else None

    pod = eventually(f"pod {name} to be ready", found, every_seconds=0.1)
    assert isinstance(pod, Pod)
    return pod


def ended(access: Access, namespace: str, name: str) -> tuple[int, str]:
    """Return exit code and log of a pod's only container."""

    def found() -> Pod | None:
        pod = access.pod(namespace, name)
        return pod if pod.phase in ("Failed", "Succeeded") else None

    pod = eventually(f"pod {name} to end", found, every_seconds=0.1)
    (state,) = pod.found["status"]["containerStatuses"]
    return state["state"]["terminated"]["exitCode"], access.kubectl("logs", name, namespace=namespace)


def run(access: Access, namespace: str, name: str, *command: str, **how: Any) -> tuple[int, str]:
    access.apply(a_pod(name, *command, **how), namespace=namespace)
    return ended(access, namespace, name)


def inside(access: Access, namespace: str, name: str, python: str) -> str:
    """Return what a line of Python prints in a running pod."""
    return access.kubectl("exec", name, "--", "python", "-c", python, namespace=namespace).strip()
