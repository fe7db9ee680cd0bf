"""From a pod as the API server tells of it to: it is ready, it waits for this, or it can't come up because.

Pure: over the pod, its events and the ends of its logs, as they were collected.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from playground_ops.core.clock import moment
from playground_ops.core.errors import Finding, FindingKind
from playground_ops.core.pod import Container, Pod, newest
from playground_ops.diagnose import git_errors
from playground_ops.diagnose.container_reasons import known
from playground_ops.diagnose.server_log import explain_exit

GIT_SYNC = "git-sync"
"""The init container that fetches a release's commit."""
INSTALLS = "install-packages"
"""The init container that makes a release's environment."""
INSTALLING = "its packages (installing packages)"
MOUNTED = ("Pulling", "Pulled", "Created", "Started")
"""Events of what comes when all volumes are there: what failed before has passed."""
HINDRANCES = ("FailedMount", "FailedAttachVolume", "NodeNotReady")
ORDINARY_WAITS = ("PodInitializing", "ContainerCreating")
CRASH_LOOP = "CrashLoopBackOff"
UNSCHEDULABLE = "Unschedulable"

Explain = Callable[[str, str, str], Finding]


@dataclass(frozen=True)
class Collected:
    """What is known of one pod at one time."""

    pod: Pod
    events: Sequence[Mapping[str, Any]] = ()
    """About the pod, oldest first."""
    logs: Mapping[str, str] = field(default_factory=dict)
    """The last lines by container, redacted; of the container that ended, where it ended."""


@dataclass(frozen=True)
class PodState:
    ready: bool
    message: str
    finding: Finding | None = None
    """Why it does not come up. What is transient or a matter of capacity may still pass."""


def assess(collected: Collected, explain: Explain = explain_exit) -> PodState:
    """`explain` says why a container of the stack's own ended: from what, its exit and its last lines."""
    pod, name = collected.pod, f"pod/{collected.pod.name}"
    if pod.phase == "Failed" and pod.reason:
        return _explained(name, pod.reason, pod.message)
    scheduled = pod.condition("PodScheduled")
    if (scheduled.get("status"), scheduled.get("reason")) == ("False", UNSCHEDULABLE):
        return _explained(name, UNSCHEDULABLE, scheduled.get("message", ""))
    for container in pod.containers:
        fault = _fault(f"{name}/{container.name}", container, collected.logs, explain)
        if fault is not None:
            return fault
    if pod.is_ready:
        return PodState(True, "ready")
    for event in reversed(collected.events):
        if event.get("reason") in MOUNTED:
            break
        if event.get("reason") in HINDRANCES:
            return _explained(name, event["reason"], event.get("message", ""))
    return PodState(False, _waits_for(pod, collected.events))


def replaced_pod_finding(pods: Sequence[Pod]) -> Finding | None:
    """Why the last one had to go that another replaces: a node keeps the memory of those that it evicts."""
    last = newest(pod for pod in pods if pod.phase == "Failed")
    return assess(Collected(last)).finding if last is not None and last.reason else None


def _fault(subject: str, container: Container, logs: Mapping[str, str], explain: Explain) -> PodState | None:
    """None when there is nothing to say against the container."""
    waits, end = container.waiting_reason, container.termination
    if waits and waits not in (*ORDINARY_WAITS, CRASH_LOOP):
        return _explained(subject, waits, container.waiting_message)
    if waits == CRASH_LOOP or (end is None and container.restarts and not container.is_ready):
        end = container.previous
    if end is None or (end.code == 0 and waits != CRASH_LOOP):
        return None
    if known(end.reason, end.message):
        return _explained(subject, end.reason, end.message)
    log = logs.get(container.name, "")
    is_git = container.name == GIT_SYNC and log
    finding = git_errors.explain_in_pod(subject, log) if is_git else explain(subject, end.how, log)
    return PodState(False, f"{container.name} ended: {end.how}", finding)


def _explained(name: str, reason: str, message: str) -> PodState:
    observed = f"{reason}: {message.strip().rstrip('.')}." if message else f"{reason}."
    return PodState(False, observed, _finding(name, reason, message, observed))


def creation_refusal(workload: Mapping[str, Any]) -> Finding | None:
    """Why the API server does not take a workload's pod, where it says so."""
    for condition in workload.get("status", {}).get("conditions", ()):
        if (condition["type"], condition["status"]) == ("ReplicaFailure", "True"):
            name = f"{workload.get('kind', 'deployment').lower()}/{workload['metadata']['name']}"
            message = str(condition.get("message", ""))
            observed = f"Its pod can't be made: {message.strip().rstrip('.')}."
            return _finding(name, "FailedCreate", message, observed)
    return None


def _finding(name: str, reason: str, message: str, observed: str) -> Finding:
    """By the catalogue; what is not in it is shown as it is, without a guess."""
    found = known(reason, message)
    return Finding(
        kind=found.kind if found else FindingKind.TRANSIENT,
        object=name,
        observed=observed,
        cause=found.cause if found else "This reason is not a known one.",
        fix=found.fix if found else f"`kubectl describe {'/'.join(name.split('/')[:2])}` tells more.",
        whose=found.whose if found else "surroundings",
    )


ROOM_IS_MADE = ("TriggeredScaleUp", "Nominated")
"""Events of cluster-autoscaler and of Karpenter: a node comes for this pod."""
UNSCHEDULABLE_GRACE_SECONDS = 7.0
"""In which an autoscaler may say that it makes room (it looks every ten seconds or oftener), and a node that
has just come up is freed of its taint."""


def room_is_coming(collected: Collected) -> bool:
    if collected.pod.condition("PodScheduled").get("status") == "True":
        return False
    return any(event.get("reason") in ROOM_IS_MADE for event in collected.events)


def is_certain(finding: Finding, pod: Pod, now: datetime) -> bool:
    """Also that no node fits: but not within the first seconds. `now`: by the cluster's clock."""
    if finding.kind is not FindingKind.CERTAIN:
        return False
    scheduled = pod.condition("PodScheduled")
    if scheduled.get("reason") != UNSCHEDULABLE:
        return True
    return (now - moment(scheduled["lastTransitionTime"])).total_seconds() >= UNSCHEDULABLE_GRACE_SECONDS


LOG_DELAY_SECONDS = 4.0
"""In which the last words of a container reach its log, or its next start shows those of this one."""


def log_may_follow(collected: Collected, now: datetime) -> bool:
    """Whether a container ended a moment ago, for no known reason, and nothing of what it said is there."""
    for container in collected.pod.containers:
        end = container.last_termination
        if collected.logs.get(container.name) != "" or end is None:
            continue  # it did not end badly, or did say something
        if known(end.reason, end.message) or not end.at:
            continue
        if (now - moment(end.at)).total_seconds() < LOG_DELAY_SECONDS:
            return True
    return False


def _waits_for(pod: Pod, events: Sequence[Mapping[str, Any]]) -> str:
    if not pod.condition("PodScheduled"):
        return "to be given a node"
    for container in pod.init:
        if container.name == INSTALLS and container.is_running:
            return INSTALLING
        if container.is_running or container.waiting_reason is not None:
            return f"its init container {container.name}"
    for container in pod.main:
        if container.waiting_reason is not None:
            return f"{container.name} to be started"
    for event in reversed(events):
        if event.get("reason") == "Unhealthy":
            return str(event.get("message", "")).splitlines()[0]
    return "its first successful probe"
