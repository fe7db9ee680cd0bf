"""Ways in which a pod does not come up, made to happen: each is named by its cause, the same every time."""

from __future__ import annotations

from typing import Any

import pytest

from playground_ops.diagnose.pods import Collected, Seen, look
from playground_ops.errors import Finding, FindingKind
from tests.asking import eventually
from tests.cluster.access import Access, KubectlFailed
from tests.cluster.cluster import Cluster
from tests.cluster.pods import SLEEP, a_pod, ready

CERTAIN, TRANSIENT, CAPACITY = FindingKind.CERTAIN, FindingKind.TRANSIENT, FindingKind.CAPACITY
FROM_SECRET = [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "nosuch", "key": "x"}}}]
ROOT = {"securityContext": {"runAsNonRoot": True}}
LITTLE = {"resources": {"limits": {"memory": "48Mi"}}}
NO_DISK = {"resources": {"limits": {"ephemeral-storage": "4Mi"}}}
SEVEN = "import sys; print('bye', file=sys.stderr); sys.exit(7)"


def a_broken(*command: str, container: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return a_pod("broken", *(command or SLEEP), container=container, **spec)


def collected(access: Access, namespace: str) -> Collected:
    pod = access.get("pod", "broken", namespace)
    events = access.get("events", namespace=namespace)["items"]
    mine = [one for one in events if one["involvedObject"].get("uid") == pod["metadata"]["uid"]]
    logs = {}
    for container in pod["spec"]["containers"]:
        try:
            name = container["name"]
            logs[name] = access.kubectl("logs", "broken", "-c", name, "--tail=40", namespace=namespace)
        except KubectlFailed:
            continue  # it has not started
    return Collected(pod, mine, logs)


def seen(access: Access, namespace: str, pod: dict[str, Any], cause: str) -> Seen:
    access.apply(pod, namespace=namespace)
    found: list[Seen] = []

    def told() -> bool:
        found.append(look(collected(access, namespace)))
        finding = found[-1].finding
        return finding is not None and cause in f"{finding.observed} {finding.cause}"

    try:
        eventually(f"the finding: {cause}", told, every_seconds=0.3)
    except AssertionError as error:
        raise AssertionError(f"{error}; the last one: {found[-1]}") from None
    return found[-1]


@pytest.mark.parametrize(
    ("pod", "kind", "cause"),
    [
        (a_broken(image="docker.io/library/Nosuch:1"), CERTAIN, "The image's name is not one"),
        (a_broken(container={"env": FROM_SECRET}), CERTAIN, "Secret or ConfigMap"),
        (
            a_broken(volumes={"x": ("/x", {"configMap": {"name": "nosuch"}})}),
            CERTAIN,
            'configmap "nosuch" not found',
        ),
        (a_broken("no-such-command"), CERTAIN, "no such command"),
        (a_broken("python", "-m", "debugpy"), CERTAIN, "No module named debugpy"),
        (a_broken(container=ROOT, securityContext={}), CERTAIN, "runs as root"),
        (a_broken(nodeSelector={"disk": "none"}), CERTAIN, "No node is one that the pod may run on"),
        (
            a_broken(container={"resources": {"requests": {"cpu": "1000"}}}),
            CAPACITY,
            "No node has room",
        ),
        (
            a_broken(volumes={"x": ("/x", {"persistentVolumeClaim": {"claimName": "nosuch"}})}),
            CERTAIN,
            "Its volume is not there",
        ),
        (
            a_broken("python", "-c", "x = bytearray(300 << 20)", container=LITTLE),
            CERTAIN,
            "more memory than its limit",
        ),
        (
            a_broken("python", "-c", SEVEN, restartPolicy="Always"),
            CERTAIN,
            "exit code 7",
        ),
        (
            a_broken("sh", "-c", "head -c 40000000 /dev/zero > /tmp/full; sleep 600", container=NO_DISK),
            CAPACITY,
            "this pod had to go",
        ),
        (
            a_broken(image="registry.playground.test/app:1"),
            TRANSIENT,
            "can't reach the image's registry",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_it_is_named(
    access: Access, namespace: str, pod: dict[str, Any], kind: FindingKind, cause: str
) -> None:
    finding = seen(access, namespace, pod, cause).finding
    assert finding is not None
    assert finding.kind is kind
    assert finding.object.startswith("pod/broken")
    assert finding.fix


def test_a_file_in_the_way_of_a_folder(access: Access, namespace: str) -> None:
    access.kubectl("create", "configmap", "settings", "--from-literal=a=b", namespace=namespace)
    pod = a_broken(volumes={"x": ("/etc/passwd", {"configMap": {"name": "settings"}})})
    finding = seen(access, namespace, pod, "A file is mounted over a folder").finding
    assert finding is not None
    assert "not a directory" in finding.observed


def test_a_pod_whose_node_is_gone(cluster: Cluster, access: Access, namespace: str, second_node: str) -> None:
    """Its containers are said to run for as long as nobody hears otherwise."""
    access.apply(a_broken(nodeSelector={"kubernetes.io/hostname": second_node}), namespace=namespace)
    ready(access, namespace, "broken")
    cluster.machines[second_node].kill()

    def told() -> Finding | None:
        pod = access.get("pod", "broken", namespace)
        return look(Collected(pod, access.get("events", namespace=namespace)["items"])).finding

    finding = eventually("it to be told", told)
    assert finding.cause.startswith("The node that it runs on does not answer")
    assert finding.object == "pod/broken"


def test_a_pod_that_waits_says_for_what_and_then_is_ready(access: Access, namespace: str) -> None:
    probe = {"exec": {"command": ["test", "-e", "/tmp/go"]}, "periodSeconds": 1}
    access.apply(a_broken(container={"readinessProbe": probe}), namespace=namespace)
    messages = []

    def message() -> str:
        messages.append(look(collected(access, namespace)).message)
        return str(messages[-1])

    eventually("the probe to be named", lambda: "Readiness probe failed" in message(), every_seconds=0.2)
    access.kubectl("exec", "broken", "--", "touch", "/tmp/go", namespace=namespace)
    eventually("it to be ready", lambda: look(collected(access, namespace)).ready, every_seconds=0.2)


def test_what_is_not_known_is_shown_as_it_is() -> None:
    state = {"waiting": {"reason": "Novel", "message": "so."}}
    status = {"containerStatuses": [{"name": "main", "state": state}]}
    finding = look(Collected({"metadata": {"name": "x"}, "status": status})).finding
    assert finding is not None
    assert (finding.observed, finding.cause) == ("Novel: so.", "This reason is not a known one.")
    assert finding.kind is TRANSIENT
