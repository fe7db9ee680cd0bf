"""Pods as a real cluster reported them, and quantities."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground_ops.core.errors import FindingKind
from playground_ops.core.pod import Pod
from playground_ops.core.pod_settings import amount
from playground_ops.diagnose.container_reasons import known
from playground_ops.diagnose.pods import Collected, assess, room_is_coming
from playground_ops.targets.common.overview import failing_ticks
from playground_ops.targets.kubernetes.objects.components import location_status, status_of

SCHEDULED = {"type": "PodScheduled", "status": "True"}


def a_pod(*conditions: dict[str, str], **status: Any) -> Pod:
    return Pod.read({"metadata": {"name": "x"}, "status": {"conditions": list(conditions), **status}})


def a_container(name: str = "main", **state: Any) -> dict[str, Any]:
    return {"name": name, "ready": False, "restartCount": 0, "state": state}


@pytest.mark.parametrize(
    ("pod", "message"),
    [
        (a_pod(), "the pod waits for a node"),
        (
            a_pod(
                SCHEDULED,
                initContainerStatuses=[a_container("wait-for-database", running={})],
                containerStatuses=[a_container(waiting={"reason": "PodInitializing"})],
            ),
            "the pod waits for its init container wait-for-database",
        ),
        (
            a_pod(SCHEDULED, containerStatuses=[a_container(waiting={"reason": "ContainerCreating"})]),
            "the pod waits for main to be started",
        ),
        (
            a_pod(SCHEDULED, containerStatuses=[a_container(running={})]),
            "the pod waits for its first successful probe",
        ),
    ],
)
def test_a_pod_on_its_way_says_what_it_waits_for(pod: Pod, message: str) -> None:
    seen = assess(Collected(pod))
    assert (seen.ready, seen.message, seen.finding) == (False, message, None)


def test_one_that_its_node_evicted_tells_why_the_next_one_starts() -> None:
    def made(at: str, **status: Any) -> Pod:
        labels = {"app.kubernetes.io/component": "daemon"}
        metadata = {"name": at, "creationTimestamp": at, "labels": labels}
        return Pod.read({"metadata": metadata, "status": status})

    message = "Usage of EmptyDir volume exceeds the limit. "
    evicted = made("2030-01-01T10:00:00Z", phase="Failed", reason="Evicted", message=message)
    running = made(
        "2030-01-01T10:01:00Z", containerStatuses=[a_container(running={})], conditions=[SCHEDULED]
    )
    workload = {"metadata": {"name": "dagster-daemon", "generation": 1}, "spec": {}, "status": {}}
    seen = status_of("daemon", workload, [evicted, running])
    assert seen.finding is not None
    assert (seen.finding.object, seen.finding.kind) == ("pod/2030-01-01T10:00:00Z", FindingKind.CAPACITY)
    assert seen.message == "the pod waits for its first successful probe"
    assert status_of("daemon", workload, [running]).finding is None


def test_where_its_server_ended_well_on_the_way_the_event_tells() -> None:
    """As a kubelet (1.34) reports it: "Succeeded", without a reason."""
    ended = {"exitCode": 0, "reason": "Completed", "finishedAt": "2030-01-01T10:30:00Z"}
    metadata = {"name": "a-1-x", "creationTimestamp": "2030-01-01T10:00:00Z"}
    status = {"phase": "Succeeded", "containerStatuses": [a_container(terminated=ended)]}
    gone = Pod.read({"metadata": metadata, "status": status})
    fresh = {"metadata": {"name": "a-1-y", "creationTimestamp": "2030-01-01T10:31:00Z"}}
    ready = {"conditions": [SCHEDULED, {"type": "Ready", "status": "True"}]}
    now = Pod.read({**fresh, "status": {"phase": "Running", **ready}})
    message = 'Usage of EmptyDir volume "tmp" exceeds the limit "128Mi". '
    events = [{"reason": "Started"}, {"reason": "Evicted", "message": message}, {"reason": "Killing"}]

    seen = location_status("a", 1, [gone, now], collected=lambda pod: Collected(pod, events))
    assert seen.ready
    assert seen.last_end is not None
    assert seen.last_end.at == "2030-01-01T10:30:00Z"
    told = seen.last_end.finding
    assert told is not None
    assert (told.object, told.kind) == ("pod/a-1-x", FindingKind.CAPACITY)
    assert told.observed == f"Evicted: {message.strip(' .')}."
    assert "ephemeral-storage" in told.fix
    assert location_status("a", 1, [gone, now]).last_end is None, "without an event nobody knows"


def test_a_crash_loop_is_explained_by_its_last_end_and_its_log() -> None:
    ended = {"exitCode": 1, "reason": "Error"}
    container = {
        **a_container(waiting={"reason": "CrashLoopBackOff", "message": "back-off 10s"}),
        "restartCount": 2,
        "lastState": {"terminated": ended},
    }
    raised = "ModuleNotFoundError: No module named 'psycopg'"
    log = f'Traceback (most recent call last):\n  File "x.py", line 1\n{raised}'
    finding = assess(Collected(a_pod(SCHEDULED, containerStatuses=[container]), logs={"main": log})).finding
    assert finding is not None
    assert "No module named 'psycopg'" in finding.observed
    assert finding.object == "pod/x/main"


def test_an_init_container_that_ended_well_is_no_fault() -> None:
    done = {**a_container("init", terminated={"exitCode": 0, "reason": "Completed"}), "ready": True}
    ready = {"type": "Ready", "status": "True"}
    running = {**a_container(running={}), "ready": True}
    seen = assess(
        Collected(a_pod(SCHEDULED, ready, initContainerStatuses=[done], containerStatuses=[running]))
    )
    assert seen.ready


def test_an_evicted_pod_is_a_matter_of_room() -> None:
    pod = a_pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory.")
    finding = assess(Collected(pod)).finding
    assert finding is not None
    assert (finding.kind, finding.observed) == (
        FindingKind.CAPACITY,
        "Evicted: The node was low on resource: memory.",
    )


def test_a_priority_class_that_is_not_there_is_no_policy() -> None:
    """The message is the API server's (1.34)."""
    said = 'pods "x-1" is forbidden: no PriorityClass with name important was found'
    reason = known("FailedCreate", said)
    assert reason is not None
    assert "priority_class" in reason.fix


WORDS = st.text(max_size=9)
STATES = st.fixed_dictionaries(
    {},
    optional={
        "waiting": st.fixed_dictionaries({}, optional={"reason": WORDS, "message": WORDS}),
        "terminated": st.fixed_dictionaries({"exitCode": st.integers(0, 255)}, optional={"reason": WORDS}),
        "running": st.just({}),
    },
)


@given(st.lists(STATES, max_size=3), st.integers(0, 3), st.booleans())
def test_whatever_is_told_ready_and_a_fault_exclude_each_other(
    states: list[dict[str, Any]], restarts: int, is_ready: bool
) -> None:
    containers = [
        {"name": str(number), "ready": is_ready, "restartCount": restarts, "state": state}
        for number, state in enumerate(states)
    ]
    ready = {"type": "Ready", "status": str(is_ready)}
    seen = assess(Collected(a_pod(SCHEDULED, ready, containerStatuses=containers)))
    assert seen.message
    assert not (seen.ready and seen.finding)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", "1"),
        ("500m", "0.5"),
        ("1.5Gi", str(3 << 29)),
        ("2k", "2000"),
        ("1Ei", str(1 << 60)),
        ("3T", "3e12"),
    ],
)
def test_quantities_are_numbers(text: str, number: str) -> None:
    assert amount(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "Gi", "1KB", "x", "1Mib", "--1"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        amount(text)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("0/3 nodes are available: 3 node(s) were unschedulable.", FindingKind.CAPACITY),
        ("0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }.",
         FindingKind.CAPACITY),
        ("0/1 nodes are available: 1 node(s) had untolerated taint {node.cilium.io/agent-not-ready: }.",
         FindingKind.CAPACITY),
        ("0/1 nodes are available: 1 node(s) had untolerated taint(s).", FindingKind.CAPACITY),
        ("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.", FindingKind.CAPACITY),
        ("0/1 nodes are available: 1 node(s) had untolerated taint {team: ml}.", FindingKind.CERTAIN),
        ("0/1 nodes are available: 1 node(s) didn't match Pod's node selector.", FindingKind.CERTAIN),
    ],
)  # fmt: skip
def test_a_node_that_takes_no_pods_now_may_do_so_later(message: str, kind: FindingKind) -> None:
    found = known("Unschedulable", message)
    assert found is not None
    assert (found.kind, found.whose) == (kind, "surroundings")


def test_an_autoscaler_says_that_room_is_coming_until_there_is_some() -> None:
    unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    events = [{"reason": "FailedScheduling"}, {"reason": "TriggeredScaleUp"}]
    assert room_is_coming(Collected(a_pod(unscheduled), events))
    assert not room_is_coming(Collected(a_pod(unscheduled), events[:1]))
    assert not room_is_coming(Collected(a_pod(SCHEDULED), events))


def test_git_sync_is_explained_in_gits_words() -> None:
    """A line as git-sync v4 writes it; the fix is the one for a pod."""
    error = 'Run(git fetch URL abc): exit status 128: { stderr: "fatal: Authentication failed" }'
    log = json.dumps({"msg": "too many failures, aborting", "error": error})
    ended = {"exitCode": 1, "reason": "Error"}
    pod = a_pod(SCHEDULED, initContainerStatuses=[a_container("git-sync", terminated=ended)])
    finding = assess(Collected(pod, logs={"git-sync": log})).finding
    assert finding is not None
    assert (finding.kind, finding.whose, finding.rejects) == (FindingKind.CERTAIN, "surroundings", False)
    assert "`secret git NAME --username USER --token-file FILE`" in finding.fix


def test_a_server_that_ends_well_over_and_over_never_answers() -> None:
    container = {
        **a_container(waiting={"reason": "CrashLoopBackOff", "message": "back-off 10s"}),
        "restartCount": 2,
        "lastState": {"terminated": {"exitCode": 0, "reason": "Completed"}},
    }
    finding = assess(Collected(a_pod(SCHEDULED, containerStatuses=[container]))).finding
    assert finding is not None
    assert (finding.kind, "exit code 0" in finding.observed) == (FindingKind.CERTAIN, True)


def test_a_tick_that_fails_names_what_it_raised() -> None:
    text = """Traceback (most recent call last):
  File "/opt/dagster/app/repo/.worktrees/0123456789012345678901234567890123456789/pipeline.py", line 7, in x
    raise ValueError("no such column")
ValueError: no such column
"""
    found = failing_ticks({"sensor/x": text, "daemon/SENSOR": "ValueError: no"})
    assert "ValueError: no such column (at pipeline.py, line 7)" in found["sensor/x"].observed
    assert (found["sensor/x"].rejects, found["daemon/SENSOR"].rejects) == (True, False)


def test_a_mount_that_failed_and_then_did_not_is_no_reason_any_more() -> None:
    """A busy kubelet fails once: a transient fault has a short timeout, and this one has passed."""
    pod = a_pod(SCHEDULED, containerStatuses=[a_container(running={})])
    failed = {"reason": "FailedMount", "message": "failed to sync secret cache: timed out"}
    assert assess(Collected(pod, events=[failed])).finding is not None
    assert (
        assess(Collected(pod, events=[failed, {"reason": "Pulled"}, {"reason": "Started"}])).finding is None
    )


@pytest.mark.parametrize(
    "away",
    [
        "dagster_postgres.utils.DagsterPostgresException: too many retries for DB connection",
        "sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) server closed the connection",
        "dagster._core.errors.DagsterUserCodeUnreachableError: Could not reach user code server.",
    ],
)
def test_what_a_daemon_reports_of_others_is_not_held_against_a_release(away: str) -> None:
    assert failing_ticks({"daemon/SENSOR": away, "sensor/x": "ValueError: no such column"}).keys() == {
        "sensor/x"
    }


def test_a_server_that_was_not_reached_at_a_tick_rejects_no_commit() -> None:
    raised = "dagster._core.errors.DagsterUserCodeUnreachableError: Could not reach user code server."
    found = failing_ticks({"sensor/x": f"Traceback (most recent call last):\n{raised}"})["sensor/x"]
    assert (found.kind, found.rejects) == (FindingKind.TRANSIENT, False)


def test_a_component_that_is_scaled_to_nothing_is_not_well() -> None:
    """The cluster has all that was asked for."""
    workload = {
        "metadata": {"generation": 2},
        "spec": {"replicas": 0},
        "status": {"observedGeneration": 2},
    }
    found = status_of("daemon", workload, [])
    assert (found.ready, found.message) == (False, "it is scaled to nothing, so it has no pod")


def test_a_component_whose_pod_is_refused_says_by_whom() -> None:
    refused = 'pods "d-1" is forbidden: exceeded quota: none, requested: pods=1'
    workload = {
        "kind": "Deployment",
        "metadata": {"name": "dagster-daemon", "generation": 2},
        "spec": {"replicas": 1},
        "status": {"conditions": [{"type": "ReplicaFailure", "status": "True", "message": refused}]},
    }
    found = status_of("daemon", workload, []).finding
    assert found is not None
    assert (found.object, found.kind) == ("deployment/dagster-daemon", FindingKind.CAPACITY)
    assert refused in found.observed
    assert "quota leaves no room" in found.cause
