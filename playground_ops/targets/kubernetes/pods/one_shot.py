"""Runs a pod for one task: creates it, waits for it, reads its log, deletes it."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from playground_ops.core.clock import moment
from playground_ops.core.errors import Finding, PlaygroundError
from playground_ops.core.pod import Pod
from playground_ops.diagnose.pods import Collected, PodState, assess, is_certain
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import Selection, collection, path
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.api.streaming import DOUBT_SECONDS, LIST_SECONDS, states
from playground_ops.targets.kubernetes.objects.applying import delete
from playground_ops.targets.kubernetes.pods.selection import selected_pods

LONGEST_ANSWER = 1_000_000
"""The most bytes that are read of its log."""
COMPONENT = "app.kubernetes.io/component"
ABANDONED_SECONDS = 3600.0
"""The age after which an ended pod is swept; whoever made it has given up long before."""
ROOM_SECONDS = 15.0
"""Time for its start, beyond its own deadline."""


@dataclass(frozen=True)
class Ended:
    code: int | None
    """None where the kubelet reported none."""
    too_late: bool
    """Whether it was ended at its deadline."""
    said: str


def create(connection: Connection, pod: dict[str, Any]) -> None:
    """Create it. Raises Refusal."""
    connection.request("POST", collection("v1", "Pod", pod["metadata"]["namespace"]), pod)


def see_to_its_end(
    connection: Connection,
    pod: dict[str, Any],
    seconds: float,
    no_answer: Callable[[str], Finding],
    say: Callable[[str], None] = lambda message: None,
) -> Ended:
    """Wait for it, and delete it; its deadline is `seconds`. `say` hears what it waits for, and may raise.

    Raises PlaygroundError when it can't be started, with the pod's finding or the one of `no_answer`.
    """
    try:
        ended = _ended(connection, pod, seconds, no_answer, say)
        return Ended(ended.exit_code, ended.reason == "DeadlineExceeded", _log(connection, pod))
    finally:
        delete(connection, path(pod), gracePeriodSeconds="0")
        _sweep(connection, pod)


def _sweep(connection: Connection, like: dict[str, Any]) -> None:
    """Delete pods of its kind that ended long ago: their makers were killed before they could."""
    metadata = like["metadata"]
    chosen = Selection(metadata["namespace"], f"{COMPONENT}={metadata['labels'][COMPONENT]}")
    with suppress(PlaygroundError):  # the next one tries again
        for one in selected_pods(connection, chosen):
            age = (connection.now() - moment(one.created)).total_seconds()
            if one.has_ended and age > ABANDONED_SECONDS:
                delete(connection, path(one.reference), gracePeriodSeconds="0")


def _log(connection: Connection, pod: dict[str, Any]) -> str:
    """Return its log; empty for a container that was never started."""
    try:
        return connection.text(f"{path(pod)}/log", {"limitBytes": str(LONGEST_ANSWER)})
    except Refusal as refusal:
        if refusal.code != 400:
            raise
        return ""


def _ended(
    connection: Connection,
    pod: dict[str, Any],
    seconds: float,
    no_answer: Callable[[str], Finding],
    say: Callable[[str], None],
) -> Pod:
    begun, state = time.monotonic(), PodState(False, "its pod is not seen yet")
    chosen = Selection(pod["metadata"]["namespace"], name=pod["metadata"]["name"])

    def good_for() -> float:
        return DOUBT_SECONDS if state.finding else LIST_SECONDS

    for pods in states(connection, chosen, seconds + ROOM_SECONDS, good_for):
        if not pods:
            raise PlaygroundError(no_answer("its pod was deleted"))
        found = pods[0]
        if found.has_ended or found.exit_code is not None:
            return found
        state = assess(Collected(found))
        if state.finding is not None and is_certain(state.finding, found, connection.now()):
            raise PlaygroundError(state.finding)
        say(f"{'it runs' if found.is_running else state.message}, {time.monotonic() - begun:.0f} s so far")
    raise PlaygroundError(state.finding or no_answer(state.message))
