"""From a pod as the API server tells of it to: it is ready, it waits for this, or it can't come up because.

Pure: over the pod, its events and the ends of its logs, as they were collected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from playground_ops.core.clock import moment
from playground_ops.core.errors import Finding, FindingKind
from playground_ops.diagnose import git_errors
from playground_ops.diagnose.container_reasons import known
from playground_ops.diagnose.server_log import explain_exit

GIT_SYNC = "git-sync"
"""The init container that fetches a release's commit."""


INSTALLS = "install-packages"
"""The init container that makes a release's environment."""
MOUNTED = ("Pulling", "Pulled", "Created", "Started")
"""Events of what comes when all volumes are there: what failed before has passed."""
HINDRANCES = ("FailedMount", "FailedAttachVolume", "NodeNotReady")
TRIES = ("PodInitializing", "ContainerCreating")
"""Waiting reasons that are the ordinary course of things."""


INSTALLING = "its packages (installing packages)"


Explain = Callable[[str, str, str], Finding]


@dataclass(frozen=True)
class Collected:
    """What is known of one pod at one time."""

    pod: Mapping[str, Any]
    events: Sequence[Mapping[str, Any]] = ()
    """About the pod, oldest first."""
    logs: Mapping[str, str] = field(default_factory=dict)
    """The last lines by container, redacted; of the container that ended, where it ended."""


@dataclass(frozen=True)
class Seen:
    ready: bool
    message: str
    finding: Finding | None = None
    """Why it does not come up. What is transient or a matter of capacity may still pass."""


def look(collected: Collected, explain: Explain = explain_exit) -> Seen:
    """`explain` says why a container of the stack's own ended: from what, its exit and its last lines."""
    pod, status = collected.pod, collected.pod.get("status", {})
    name = f"pod/{pod['metadata']['name']}"
    for reason, message in _of_the_pod(status):
        return _explained(name, reason, message)
    for container in _containers(status):
        seen = _container(name, container, collected.logs, explain)
        if seen is not None:
            return seen
    if _condition(status, "Ready").get("status") == "True":
        return Seen(True, "ready")
    for event in reversed(collected.events):
        if event.get("reason") in MOUNTED:
            break
        if event.get("reason") in HINDRANCES:
            return _explained(name, event["reason"], event.get("message", ""))
    return Seen(False, _waits_for(status, collected.events))


def of_those_before(pods: Sequence[Mapping[str, Any]]) -> Finding | None:
    """Why the last one had to go that another replaces: a node keeps the memory of those that it evicts."""
    gone = [pod for pod in pods if pod.get("status", {}).get("phase") == "Failed"]
    newest = max(gone, key=lambda pod: str(pod["metadata"].get("creationTimestamp")), default=None)
    return look(Collected(newest)).finding if newest is not None and newest["status"].get("reason") else None


def _of_the_pod(status: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if status.get("phase") == "Failed" and status.get("reason"):
        yield status["reason"], status.get("message", "")
    scheduled = _condition(status, "PodScheduled")
    if scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable":
        yield "Unschedulable", scheduled.get("message", "")


def _containers(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]


def _container(
    pod: str, container: Mapping[str, Any], logs: Mapping[str, str], explain: Explain
) -> Seen | None:
    """None when there is nothing to say against it."""
    name, state = container["name"], container.get("state", {})
    waiting, ended = state.get("waiting", {}), state.get("terminated", {})
    reason = waiting.get("reason", "")
    if reason and reason not in TRIES and reason != "CrashLoopBackOff":
        return _explained(f"{pod}/{name}", reason, waiting.get("message", ""))
    restarted = container.get("restartCount") and not container.get("ready")
    if reason == "CrashLoopBackOff" or (not ended and restarted):
        ended = container.get("lastState", {}).get("terminated", {})
    if not ended or (ended.get("exitCode") == 0 and reason != "CrashLoopBackOff"):
        return None
    if known(ended.get("reason", ""), ended.get("message", "")):
        return _explained(f"{pod}/{name}", ended["reason"], ended.get("message", ""))
    log, subject = logs.get(name, ""), f"{pod}/{name}"
    finding = (
        git_errors.explain_in_pod(subject, log)
        if name == GIT_SYNC and log
        else explain(subject, exit_text(ended), log)
    )
    return Seen(False, f"{name} ended: {exit_text(ended)}", finding)


def exit_text(ended: Mapping[str, Any]) -> str:
    code = ended.get("exitCode", 0)
    return f"killed by signal {code - 128}" if code > 128 else f"exit code {code}"


def _explained(name: str, reason: str, message: str) -> Seen:
    """By the catalogue; what is not in it is shown as it is, without a guess."""
    observed = f"{reason}: {message.strip().rstrip('.')}." if message else f"{reason}."
    found = known(reason, message)
    finding = Finding(
        kind=found.kind if found else FindingKind.TRANSIENT,
        object=name,
        observed=observed,
        cause=found.cause if found else "This reason is not a known one.",
        fix=found.fix if found else f"`kubectl describe {'/'.join(name.split('/')[:2])}` tells more.",
        whose=found.whose if found else "surroundings",
    )
    return Seen(False, observed, finding)


def not_created(what: str, message: str) -> Finding:
    """Of `what`, whose pod the API server did not take."""
    reason = known("FailedCreate", message)
    return Finding(
        kind=reason.kind if reason else FindingKind.TRANSIENT,
        object=what,
        observed=f"Its pod can't be made: {message.strip().rstrip('.')}.",
        cause=reason.cause if reason else "This reason is not a known one.",
        fix=reason.fix if reason else f"`kubectl describe {what}` tells more.",
        whose="surroundings",
    )


ROOM_IS_MADE = ("TriggeredScaleUp", "Nominated")
"""Events of cluster-autoscaler and of Karpenter: a node comes for this pod."""
UNSCHEDULABLE_GRACE_SECONDS = 7.0
"""In which an autoscaler may say that it makes room (it looks every ten seconds or oftener), and a node that
has just come up is freed of its taint."""


def room_is_coming(collected: Collected) -> bool:
    if _condition(collected.pod.get("status", {}), "PodScheduled").get("status") == "True":
        return False
    return any(event.get("reason") in ROOM_IS_MADE for event in collected.events)


def is_certain(finding: Finding, pod: Mapping[str, Any], now: datetime) -> bool:
    """Also that no node fits: but not within the first seconds. `now`: by the cluster's clock."""
    if finding.kind is not FindingKind.CERTAIN:
        return False
    scheduled = _condition(pod.get("status", {}), "PodScheduled")
    if scheduled.get("reason") != "Unschedulable":
        return True
    told = moment(str(scheduled["lastTransitionTime"]))
    return (now - told).total_seconds() >= UNSCHEDULABLE_GRACE_SECONDS


SPEECHLESS_SECONDS = 4.0
"""In which the last words of a container reach its log, or its next start shows those of this one."""


def may_yet_say_why(collected: Collected, now: datetime) -> bool:
    """Whether a container ended a moment ago, for no known reason, and nothing of what it said is there."""
    for container in _containers(collected.pod.get("status", {})):
        if collected.logs.get(container["name"]) != "":
            continue  # it did not end badly, or did say something
        state, before = container.get("state", {}), container.get("lastState", {})
        ended = state.get("terminated") or before.get("terminated") or {}
        if known(ended.get("reason", ""), ended.get("message", "")) or not ended.get("finishedAt"):
            continue
        if (now - moment(str(ended["finishedAt"]))).total_seconds() < SPEECHLESS_SECONDS:
            return True
    return False


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    conditions: Sequence[Mapping[str, Any]] = status.get("conditions", ())
    return next((found for found in conditions if found["type"] == kind), {})


def _waits_for(status: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> str:
    if not _condition(status, "PodScheduled"):
        return "to be given a node"
    for container in status.get("initContainerStatuses", ()):
        if container["name"] == INSTALLS and "running" in container.get("state", {}):
            return INSTALLING
        if "terminated" not in container.get("state", {}):
            return f"its init container {container['name']}"
    for container in status.get("containerStatuses", ()):
        if "waiting" in container.get("state", {}):
            return f"{container['name']} to be started"
    for event in reversed(events):
        if event.get("reason") == "Unhealthy":
            return str(event.get("message", "")).splitlines()[0]
    return "its first successful probe"
