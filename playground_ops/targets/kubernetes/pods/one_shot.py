"""A pod that does one thing and ends: made, waited for, heard, removed."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from playground_ops.core.clock import moment
from playground_ops.core.errors import Finding, PlaygroundError
from playground_ops.diagnose.pods import Collected, is_certain, look
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import collection, path
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.api.streaming import lines
from playground_ops.targets.kubernetes.pods.containers import FINAL

LONGEST_ANSWER = 1_000_000
"""Bytes of its log."""
COMPONENT = "app.kubernetes.io/component"
ABANDONED_SECONDS = 3600.0
"""Since it was made; what one does is done, or given up, well before."""
ROOM_SECONDS = 15.0
"""Beyond its own deadline, for its start."""
LOOK_SECONDS, DOUBT_SECONDS = 10.0, 2.0


@dataclass(frozen=True)
class Ended:
    code: int | None
    """None where none was told."""
    too_late: bool
    """It was ended at its deadline."""
    said: str


def run(
    connection: Connection,
    pod: dict[str, Any],
    seconds: float,
    no_answer: Callable[[str], Finding],
    say: Callable[[str], None] = lambda message: None,
) -> Ended:
    """`seconds`: the pod's own deadline. `say` hears every ten seconds what it waits for, and may raise.

    Raises PlaygroundError when it can't be started, by its own finding or `no_answer` of what was seen.
    """
    connection.request("POST", collection("v1", "Pod", pod["metadata"]["namespace"]), pod)
    try:
        ended = _ended(connection, pod, seconds, no_answer, say)
        late = ended["status"].get("reason") == "DeadlineExceeded"
        return Ended(_exit_code(ended), late, _log(connection, pod))
    finally:
        _remove(connection, pod)
        _sweep(connection, pod)


def _sweep(connection: Connection, like: dict[str, Any]) -> None:
    """Those of its kind that ended long ago, because whoever made them was killed before it removed them."""
    metadata = like["metadata"]
    query = {"labelSelector": f"{COMPONENT}={metadata['labels'][COMPONENT]}"}
    with suppress(PlaygroundError):  # the next one tries again
        listed = connection.request("GET", collection("v1", "Pod", metadata["namespace"]), query=query)
        for one in listed["items"]:
            age = (connection.now() - moment(one["metadata"]["creationTimestamp"])).total_seconds()
            if one["status"].get("phase") in FINAL and age > ABANDONED_SECONDS:
                _remove(connection, {**like, "metadata": one["metadata"]})


def _log(connection: Connection, pod: dict[str, Any]) -> str:
    """Nothing of a container that was never started."""
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
) -> dict[str, Any]:
    begun = time.monotonic()
    deadline = begun + seconds + ROOM_SECONDS
    folder = collection("v1", "Pod", pod["metadata"]["namespace"])
    seen = f"metadata.name={pod['metadata']['name']}"
    while True:
        found = connection.get(path(pod))
        if found is None:
            raise PlaygroundError(no_answer("its pod was deleted"))
        if found["status"].get("phase") in FINAL or _exit_code(found) is not None:
            return dict(found)
        looked = look(Collected(found))
        if looked.finding is not None and is_certain(looked.finding, found, connection.now()):
            raise PlaygroundError(looked.finding)
        left = deadline - time.monotonic()
        if left <= 0:
            raise PlaygroundError(looked.finding or no_answer(f"its pod waits for {looked.message}"))
        say(f"{'it runs' if _runs(found) else looked.message}, {time.monotonic() - begun:.0f} s so far")
        query = {
            "watch": "1",
            "fieldSelector": seen,
            "resourceVersion": found["metadata"]["resourceVersion"],
        }
        pause = LOOK_SECONDS if looked.finding is None else DOUBT_SECONDS
        next(lines(connection, folder, query, min(left, pause)), None)


def _runs(pod: dict[str, Any]) -> bool:
    return any("running" in one.get("state", {}) for one in pod["status"].get("containerStatuses", ()))


def _exit_code(pod: dict[str, Any]) -> int | None:
    """None before it has ended. The kubelet may tell this a moment before the pod's phase."""
    for container in pod["status"].get("containerStatuses", ()):
        if ended := container.get("state", {}).get("terminated"):
            return int(ended["exitCode"])
    return None


def _remove(connection: Connection, pod: dict[str, Any]) -> None:
    try:
        connection.request("DELETE", path(pod), query={"gracePeriodSeconds": "0"})
    except Refusal as refusal:
        if refusal.code != 404:
            raise
