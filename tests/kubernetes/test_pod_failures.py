"""Ways in which a pod does not come up, made to happen: each is named by its cause, the same every time.

By default one whose reason comes late, and one that waits; `-m soak` makes all, and keeps them as the API
server reported them for `tests/unit/test_recorded_failures.py`.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from playground_ops.core.errors import Finding, FindingKind
from playground_ops.core.pod import Pod
from playground_ops.diagnose.pods import Collected, PodState, assess
from tests.asking import eventually
from tests.cluster.access import Access, KubectlFailed
from tests.cluster.cluster import Cluster
from tests.cluster.pods import ready
from tests.kubernetes.podcases import PODS, PodCase, a_broken
from tests.recorded import FOLDER, NOISE, Recording

BY_DEFAULT = ("exit-code",)
SETTINGS = ("create", "configmap", "settings", "--from-literal=a=b")


def answers(access: Access, namespace: str) -> dict[str, Any]:
    """Return the answers as they are kept in a recording."""
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
    return {"pod": pod, "events": mine, "logs": logs}


def state(told: dict[str, Any]) -> PodState:
    return assess(Collected(Pod.read(told["pod"]), told["events"], told["logs"]))


def seen(access: Access, namespace: str, case: PodCase) -> tuple[PodState, dict[str, Any]]:
    """Return what was seen when the cause is reported."""
    access.kubectl(*SETTINGS, namespace=namespace)
    access.apply(case.pod, namespace=namespace)
    found: list[tuple[PodState, dict[str, Any]]] = []

    def told() -> bool:
        now = answers(access, namespace)
        found.append((state(now), now))
        finding = found[-1][0].finding
        return finding is not None and case.said in f"{finding.observed} {finding.cause}"

    try:
        eventually(f"the finding: {case.said}", told, every_seconds=0.3)
    except AssertionError as error:
        raise AssertionError(f"{error}; the last one: {found[-1][0]}") from None
    return found[-1]


def named(access: Access, namespace: str, case: PodCase) -> dict[str, Any]:
    told, now = seen(access, namespace, case)
    assert told.finding is not None
    assert told.finding.kind is case.kind
    assert told.finding.object.startswith("pod/broken")
    assert told.finding.fix
    return now


@pytest.mark.parametrize("name", BY_DEFAULT)
def test_it_is_named(access: Access, namespace: str, name: str) -> None:
    named(access, namespace, next(case for case in PODS if case.name == name))


@pytest.mark.soak
@pytest.mark.parametrize("case", PODS, ids=lambda case: case.name)
def test_each_of_them_is_and_is_recorded(access: Access, namespace: str, case: PodCase) -> None:
    plain = named(access, namespace, case)
    for one in (plain["pod"], *plain["events"]):
        for noise in NOISE:
            one["metadata"].pop(noise, None)
    Recording(datetime.now(timezone.utc), plain, {}).write(FOLDER / "pods" / f"{case.name}.json")


@pytest.mark.soak
def test_a_pod_whose_node_is_gone(cluster: Cluster, access: Access, namespace: str, second_node: str) -> None:
    """Its containers are reported as running until something else is known."""
    access.apply(a_broken(nodeSelector={"kubernetes.io/hostname": second_node}), namespace=namespace)
    ready(access, namespace, "broken")
    cluster.machines[second_node].kill()

    def told() -> Finding | None:
        pod = Pod.read(access.get("pod", "broken", namespace))
        return assess(Collected(pod, access.get("events", namespace=namespace)["items"])).finding

    finding = eventually("it to be told", told)
    assert finding.cause.startswith("The node that it runs on does not answer")
    assert finding.object == "pod/broken"


def test_a_pod_that_waits_says_for_what_and_then_is_ready(access: Access, namespace: str) -> None:
    probe = {"exec": {"command": ["test", "-e", "/tmp/go"]}, "periodSeconds": 1}
    access.apply(a_broken(container={"readinessProbe": probe}), namespace=namespace)
    messages = []

    def message() -> str:
        messages.append(state(answers(access, namespace)).message)
        return str(messages[-1])

    eventually("the probe to be named", lambda: "Readiness probe failed" in message(), every_seconds=0.2)
    access.kubectl("exec", "broken", "--", "touch", "/tmp/go", namespace=namespace)
    eventually("it to be ready", lambda: state(answers(access, namespace)).ready, every_seconds=0.2)


def test_what_is_not_known_is_shown_as_it_is() -> None:
    waits = {"waiting": {"reason": "Novel", "message": "so."}}
    status = {"containerStatuses": [{"name": "main", "state": waits}]}
    finding = assess(Collected(Pod.read({"metadata": {"name": "x"}, "status": status}))).finding
    assert finding is not None
    assert (finding.observed, finding.cause) == ("Novel: so.", "This reason is not a known one.")
    assert finding.kind is FindingKind.TRANSIENT
