"""Reading a pod's JSON, including that of one about which little is known yet."""

from __future__ import annotations

from typing import Any

import pytest

from playground_ops.core.component import End
from playground_ops.core.pod import Container, Pod, Termination, newest
from tests.recorded import all_of

ENDED: dict[str, Any] = {
    "exitCode": 137,
    "reason": "OOMKilled",
    "message": "too much",
    "finishedAt": "2030-01-01T10:00:00Z",
    "containerID": "m1",
}


def pod(*main: dict[str, Any], init: tuple[dict[str, Any], ...] = (), **status: Any) -> Pod:
    """Return a pod with containers `init`, `main` and `beside`."""
    spec = {
        "initContainers": [{"name": "init"}],
        "containers": [{"name": "main", "resources": {"limits": {"memory": "1Gi"}}}, {"name": "beside"}],
        "ephemeralContainers": [{"name": "debugger"}],
    }
    told = {"containerStatuses": list(main), "initContainerStatuses": list(init), **status}
    return Pod.read({"metadata": {"name": "a-1", "namespace": "x"}, "spec": spec, "status": told})


def main(restarts: int = 0, before: dict[str, Any] | None = None, **state: Any) -> dict[str, Any]:
    last = {"terminated": before} if before else {}
    return {"name": "main", "restartCount": restarts, "state": state, "lastState": last, "containerID": "m9"}


def test_of_one_that_nobody_has_told_of_everything_is_empty() -> None:
    nothing = Pod.read({})
    assert (nothing.name, nothing.uid, nothing.phase, nothing.address) == ("", "", "", "")
    assert not (nothing.is_ready or nothing.is_ending or nothing.has_ended or nothing.is_running)
    assert (nothing.containers, nothing.names, nothing.owners) == ((), [], ())
    assert (nothing.exit_code, nothing.last_end, nothing.restarts) == (None, None, 0)
    assert nothing.container("main") == Container("main")


def test_metadata_is_read() -> None:
    metadata = {
        "name": "a-1",
        "namespace": "x",
        "uid": "u",
        "creationTimestamp": "2030-01-01T10:00:00Z",
        "deletionTimestamp": "2030-01-01T11:00:00Z",
        "deletionGracePeriodSeconds": 30,
        "labels": {"app": "a"},
        "ownerReferences": [{"kind": "ReplicaSet", "name": "a", "uid": "r"}],
    }
    found = Pod.read({"metadata": metadata})
    assert (found.name, found.uid, found.created) == ("a-1", "u", "2030-01-01T10:00:00Z")
    assert (found.is_ending, found.grace_seconds, found.owners) == (True, 30, ("ReplicaSet",))
    assert Pod.read({}).grace_seconds > 10**9, "nobody ends it"
    named = {"name": "a-1", "namespace": "x", "labels": {"app": "a"}}
    assert found.reference == {"apiVersion": "v1", "kind": "Pod", "metadata": named}


def test_containers_are_in_the_order_of_their_start_whether_a_kubelet_has_seen_them_or_not() -> None:
    beside = {"name": "beside", "state": {"running": {}}}
    found = pod(beside, main(running={"startedAt": "2030-01-01T10:00:00Z"}))
    assert [one.name for one in found.containers] == ["init", "main", "beside"]
    assert found.names == ["init", "main", "beside", "debugger"]
    assert found.container("main").limits == {"memory": "1Gi"}
    assert found.container("main").running_since == "2030-01-01T10:00:00Z"
    assert (found.container("beside").is_running, found.container("init").is_running) == (True, False)


def test_a_container_waits_runs_or_has_ended() -> None:
    end = Termination(137, "OOMKilled", "too much", "2030-01-01T10:00:00Z", "m1")
    waits = pod(main(2, ENDED, waiting={"reason": "CrashLoopBackOff", "message": "10s"}))
    one = waits.container("main")
    assert (one.waiting_reason, one.waiting_message) == ("CrashLoopBackOff", "10s")
    assert (one.termination, one.previous, one.last_termination) == (None, end, end)
    assert (one.log_id, waits.exit_code, waits.restarts) == ("m1", None, 2)
    assert end.how == "killed by signal 9"

    runs = pod(main(running={})).container("main")
    assert (runs.waiting_reason, runs.running_since, runs.last_termination) == (None, "", None)
    assert runs.log_id == "m9"

    ended = pod(main(terminated={**ENDED, "exitCode": 0}))
    assert (ended.exit_code, ended.has_ended) == (0, False), "the kubelet tells of its phase a moment later"
    assert pod(phase="Succeeded").has_ended


def test_the_last_end_is_the_newest_one_that_was_followed_by_a_start() -> None:
    older = {
        "name": "beside",
        "lastState": {"terminated": {"exitCode": 1, "finishedAt": "2030-01-01T09:00:00Z"}},
    }
    last = End(at="2030-01-01T10:00:00Z", how="killed by signal 9", out_of_memory=True)
    assert pod(older, main(1, ENDED, running={})).last_end == last
    assert pod(main(terminated=ENDED)).last_end is None


def test_what_is_done_before_the_containers_counts_as_no_restart_of_theirs() -> None:
    init = {"name": "init", "restartCount": 3, "state": {"terminated": ENDED}}
    found = pod(main(1, running={}), init=(init,))
    assert (found.restarts, found.exit_code) == (1, None)


@pytest.mark.parametrize(("status", "ready"), [("True", True), ("False", False), ("Unknown", False)])
def test_conditions_are_told_by_their_kind(status: str, ready: bool) -> None:
    found = pod(conditions=[{"type": "Ready", "status": status, "lastTransitionTime": "then"}])
    assert found.is_ready == ready
    assert found.condition("Ready")["lastTransitionTime"] == "then"
    assert found.condition("PodScheduled") == {}


def test_the_newest_is_the_one_that_was_made_last() -> None:
    made = [
        Pod.read({"metadata": {"name": at, "creationTimestamp": f"2030-01-0{at}T00:00:00Z"}}) for at in "132"
    ]
    last = newest(made)
    assert last is not None
    assert last.name == "3"
    assert newest([]) is None


@pytest.mark.parametrize("name", [name for name, _ in all_of("pods")])
def test_what_a_real_api_server_told_can_be_read(name: str) -> None:
    found = dict(all_of("pods"))[name].answers["pod"]
    read = Pod.read(found)
    assert (read.name, read.phase) == ("broken", found["status"]["phase"])
    assert read.names == [
        one["name"] for kind in ("initContainers", "containers") for one in found["spec"].get(kind, ())
    ]
