"""Pods that do not come up, whoever made them, and the expected report about each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playground_ops.core.errors import FindingKind
from tests.cluster.pods import SLEEP, a_pod

CERTAIN, TRANSIENT, CAPACITY = FindingKind.CERTAIN, FindingKind.TRANSIENT, FindingKind.CAPACITY
FROM_SECRET = [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "nosuch", "key": "x"}}}]
ROOT = {"securityContext": {"runAsNonRoot": True}}
LITTLE = {"resources": {"limits": {"memory": "48Mi"}}}
NO_DISK = {"resources": {"limits": {"ephemeral-storage": "4Mi"}}}
SEVEN = "import sys; print('bye', file=sys.stderr); sys.exit(7)"


def a_broken(*command: str, container: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return a_pod("broken", *(command or SLEEP), container=container, **spec)


def mounting(kind: str, name: str, at: str = "/x") -> dict[str, Any]:
    source = {"claimName": name} if kind == "persistentVolumeClaim" else {"name": name}
    return {"x": (at, {kind: source})}


@dataclass(frozen=True)
class PodCase:
    name: str
    kind: FindingKind
    said: str
    """Part of what was observed or of its cause."""
    pod: dict[str, Any]


PODS = [
    PodCase(
        *("no-image-name", CERTAIN, "The image's name is not one"),
        a_broken(image="docker.io/library/Nosuch:1"),
    ),
    PodCase(*("no-secret", CERTAIN, "Secret or ConfigMap"), a_broken(container={"env": FROM_SECRET})),
    PodCase(
        *("no-config-map", CERTAIN, 'configmap "nosuch" not found'),
        a_broken(volumes=mounting("configMap", "nosuch")),
    ),
    PodCase(
        *("file-over-folder", CERTAIN, "A file is mounted over a folder"),
        a_broken(volumes=mounting("configMap", "settings", "/etc/passwd")),
    ),
    PodCase("no-command", CERTAIN, "no such command", a_broken("no-such-command")),
    PodCase("no-module", CERTAIN, "No module named debugpy", a_broken("python", "-m", "debugpy")),
    PodCase("root", CERTAIN, "runs as root", a_broken(container=ROOT, securityContext={})),
    PodCase(
        *("no-node", CERTAIN, "No node is one that the pod may run on"),
        a_broken(nodeSelector={"disk": "none"}),
    ),
    PodCase(
        *("no-room", CAPACITY, "No node has room"),
        a_broken(container={"resources": {"requests": {"cpu": "1000"}}}),
    ),
    PodCase(
        *("no-claim", CERTAIN, "Its volume is not there"),
        a_broken(volumes=mounting("persistentVolumeClaim", "nosuch")),
    ),
    PodCase(
        *("memory", CERTAIN, "more memory than its limit"),
        a_broken("python", "-c", "x = bytearray(300 << 20)", container=LITTLE),
    ),
    PodCase("exit-code", CERTAIN, "exit code 7", a_broken("python", "-c", SEVEN, restartPolicy="Always")),
    PodCase(
        *("no-disk", CAPACITY, "more to its pod's own disk"),
        a_broken("sh", "-c", "head -c 40000000 /dev/zero > /tmp/full; sleep 600", container=NO_DISK),
    ),
    PodCase(
        *("no-registry", TRANSIENT, "can't reach the image's registry"),
        a_broken(image="registry.playground.test/app:1"),
    ),
]
