"""Pods as they were told of on a real cluster, and quantities."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground_ops.diagnose.pods import Collected, look
from playground_ops.diagnose.waiting import known
from playground_ops.errors import FindingKind
from playground_ops.pods import amount

SCHEDULED = {"type": "PodScheduled", "status": "True"}


def a_pod(*conditions: dict[str, str], **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "x"}, "status": {"conditions": list(conditions), **status}}


def a_container(name: str = "main", **state: Any) -> dict[str, Any]:
    return {"name": name, "ready": False, "restartCount": 0, "state": state}


@pytest.mark.parametrize(
    ("pod", "message"),
    [
        (a_pod(), "to be given a node"),
        (
            a_pod(
                SCHEDULED,
                initContainerStatuses=[a_container("wait-for-database", running={})],
                containerStatuses=[a_container(waiting={"reason": "PodInitializing"})],
            ),
            "its init container wait-for-database",
        ),
        (
            a_pod(SCHEDULED, containerStatuses=[a_container(waiting={"reason": "ContainerCreating"})]),
            "main to be started",
        ),
        (a_pod(SCHEDULED, containerStatuses=[a_container(running={})]), "its first successful probe"),
    ],
)
def test_a_pod_on_its_way_says_what_it_waits_for(pod: dict[str, Any], message: str) -> None:
    seen = look(Collected(pod))
    assert (seen.ready, seen.message, seen.finding) == (False, message, None)


def test_a_crash_loop_is_explained_by_its_last_end_and_its_log() -> None:
    ended = {"exitCode": 1, "reason": "Error"}
    container = {
        **a_container(waiting={"reason": "CrashLoopBackOff", "message": "back-off 10s"}),
        "restartCount": 2,
        "lastState": {"terminated": ended},
    }
    raised = "ModuleNotFoundError: No module named 'psycopg'"
    log = f'Traceback (most recent call last):\n  File "x.py", line 1\n{raised}'
    finding = look(Collected(a_pod(SCHEDULED, containerStatuses=[container]), logs={"main": log})).finding
    assert finding is not None
    assert "No module named 'psycopg'" in finding.observed
    assert finding.object == "pod/x/main"


def test_an_init_container_that_ended_well_is_no_fault() -> None:
    done = {**a_container("init", terminated={"exitCode": 0, "reason": "Completed"}), "ready": True}
    ready = {"type": "Ready", "status": "True"}
    running = {**a_container(running={}), "ready": True}
    seen = look(Collected(a_pod(SCHEDULED, ready, initContainerStatuses=[done], containerStatuses=[running])))
    assert seen.ready


def test_an_evicted_pod_is_a_matter_of_room() -> None:
    pod = a_pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory.")
    finding = look(Collected(pod)).finding
    assert finding is not None
    assert (finding.kind, finding.observed) == (
        FindingKind.CAPACITY,
        "Evicted: The node was low on resource: memory.",
    )


def test_a_priority_class_that_is_not_there_is_no_policy() -> None:
    """As the API server says it (1.34)."""
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
    seen = look(Collected(a_pod(SCHEDULED, ready, containerStatuses=containers)))
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
