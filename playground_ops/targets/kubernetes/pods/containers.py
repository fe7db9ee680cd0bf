"""The containers of a pod: which of them have something to read, and how each one does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playground_ops.core.component import End
from playground_ops.diagnose.pods import exit_text

Pod = Mapping[str, Any]
FINAL = ("Succeeded", "Failed")


@dataclass(frozen=True)
class State:
    """Of one container of a pod."""

    id: str = ""
    """Of what runs, or ran last; empty before the first start."""
    running: bool = False
    previous: str = ""
    """Id of the last one that was replaced, or is to be: its log is kept too."""
    restarts: int = 0
    over: bool = False
    """Its pod has come to its end: nothing follows."""


def names(pod: Pod) -> list[str]:
    """In the order in which they start."""
    return [*_of(pod, "initContainers"), *_of(pod, "containers"), *_of(pod, "ephemeralContainers")]


def state(pod: Pod, container: str) -> State:
    found = _statuses(pod).get(container, {})
    now = found.get("state", {})
    before = str(found.get("lastState", {}).get("terminated", {}).get("containerID", ""))
    running, ended = now.get("running"), now.get("terminated")
    over = pod.get("status", {}).get("phase") in FINAL
    restarts = int(found.get("restartCount", 0))
    if running is not None:
        return State(str(found.get("containerID", "")), True, before, restarts, over)
    ran = str((ended or {}).get("containerID", ""))
    # While it waits to be started again, the log is of the one that ended.
    return State(ran or before, False, before, restarts, over)


def to_read(pod: Pod, container: str | None) -> list[str]:
    """The one that was named; else those that have started; while none has, the init containers that have."""
    if container:
        return [container] if container in names(pod) and state(pod, container).id else []
    started = [name for name in _of(pod, "containers") if state(pod, name).id]
    return started or [name for name in _of(pod, "initContainers") if state(pod, name).id]


def ran_before(pod: Pod, container: str | None) -> list[str]:
    """Those that were started again, and have a log that has ended."""
    wanted = [container] if container else names(pod)
    return [name for name in wanted if name in names(pod) and _has_ended_before(state(pod, name))]


def restarts(pod: Pod) -> int:
    found = pod.get("status", {}).get("containerStatuses", ())
    return sum(int(container.get("restartCount", 0)) for container in found)


def last_end(pod: Pod) -> End | None:
    """Of its containers, the newest one that another one replaced."""
    statuses = pod.get("status", {}).get("containerStatuses", ())
    ended = [found for one in statuses if (found := one.get("lastState", {}).get("terminated"))]
    newest = max(ended, key=lambda one: str(one.get("finishedAt", "")), default=None)
    if newest is None or not newest.get("finishedAt"):
        return None
    return End(
        at=newest["finishedAt"], how=exit_text(newest), out_of_memory=newest.get("reason") == "OOMKilled"
    )


def _has_ended_before(found: State) -> bool:
    # A node may have removed the one before, and its status, once the one that replaced it has ended.
    return bool(found.previous or (found.restarts and found.id and not found.running))


def _of(pod: Pod, kind: str) -> list[str]:
    return [str(one["name"]) for one in pod["spec"].get(kind) or ()]


def _statuses(pod: Pod) -> Mapping[str, Mapping[str, Any]]:
    status = pod.get("status", {})
    kinds: Sequence[str] = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
    return {one["name"]: one for kind in kinds for one in status.get(kind) or ()}
