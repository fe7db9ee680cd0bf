"""Tells from a pod, its events and its logs whether it is ready, what it waits for, or why it fails. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from playground_ops.core.clock import moment
from playground_ops.core.component import End
from playground_ops.core.errors import Finding, FindingKind
from playground_ops.core.pod import Container, Pod, newest
from playground_ops.diagnose import git_errors
from playground_ops.diagnose.container_reasons import known
from playground_ops.diagnose.server_log import explain_exit

GIT_SYNC = "git-sync"
"""The init container that fetches a release's commit."""
INSTALLS = "install-packages"
"""The init container that makes a release's environment."""
INSTALLING = "the pod installs its packages (installing packages)"
MOUNTED = ("Pulling", "Pulled", "Created", "Started")
"""Events after which all volumes are mounted, so that earlier failures have passed."""
BY_ITS_NODE = ("Evicted", "Preempting")
"""Events with which a node ends a pod."""
HINDRANCES = ("FailedMount", "FailedAttachVolume", "NodeNotReady")
ORDINARY_WAITS = ("PodInitializing", "ContainerCreating")
CRASH_LOOP = "CrashLoopBackOff"
UNSCHEDULABLE = "Unschedulable"

Explain = Callable[[str, str, str], Finding]


@dataclass(frozen=True)
class Collected:
    """The known facts about one pod at one time."""

    pod: Pod
    events: Sequence[Mapping[str, Any]] = ()
    """Events of the pod, oldest first."""
    logs: Mapping[str, str] = field(default_factory=dict)
    """The last lines by container, redacted; for an ended container, its own."""


@dataclass(frozen=True)
class PodState:
    ready: bool
    message: str
    """A clause with its subject: "waiting up to 180 s: " may stand before it."""
    finding: Finding | None = None
    """Why it does not come up. Transient and capacity findings may still pass."""


def assess(collected: Collected, explain: Explain = explain_exit) -> PodState:
    """Assess a pod. `explain` makes a finding from a container's name, its exit and its last lines."""
    pod, name = collected.pod, f"pod/{collected.pod.name}"
    if told := _ended_by_its_node(collected):
        return _explained(pod, name, *told)
    scheduled = pod.condition("PodScheduled")
    if (scheduled.get("status"), scheduled.get("reason")) == ("False", UNSCHEDULABLE):
        return _explained(pod, name, UNSCHEDULABLE, scheduled.get("message", ""))
    for container in pod.containers:
        fault = _fault(pod, container, collected.logs, explain)
        if fault is not None:
            return fault
    if pod.is_ready:
        return PodState(True, "ready")
    for event in reversed(collected.events):
        if event.get("reason") in MOUNTED:
            break
        if event.get("reason") in HINDRANCES:
            return _explained(pod, name, event["reason"], event.get("message", ""))
    return PodState(False, _waits_for(pod, collected.events))


Collect = Callable[[Pod], Collected]
"""Fetches events and logs of a pod."""


def replaced_pod_end(pods: Sequence[Pod], collect: Collect = Collected) -> End | None:
    """Return how its node ended the last pod that has ended, such as by eviction; None where it did not."""
    last = newest(pod for pod in pods if pod.has_ended)
    if last is None:
        return None
    known = Collected(last) if last.reason else collect(last)
    finding = assess(known).finding if _ended_by_its_node(known) else None
    return End(at=last.ended_at, how=finding.observed, finding=finding) if finding else None


def _ended_by_its_node(collected: Collected) -> tuple[str, str] | None:
    """Return reason and message with which a node ended a pod.

    The kubelet keeps them in the status only where a container ended badly. A pod whose server ended well
    when it was told to is "Succeeded", and the event alone tells (kubelet, `generateAPIPodStatus`).
    """
    pod = collected.pod
    if pod.phase == "Failed" and pod.reason:
        return pod.reason, pod.message
    if pod.phase != "Succeeded":
        return None
    told = [event for event in collected.events if event.get("reason") in BY_ITS_NODE]
    return (told[-1]["reason"], told[-1].get("message", "")) if told else None


def _fault(pod: Pod, container: Container, logs: Mapping[str, str], explain: Explain) -> PodState | None:
    """Return the container's fault; None without one."""
    subject = f"pod/{pod.name}/{container.name}"
    waits, end = container.waiting_reason, container.termination
    if waits and waits not in (*ORDINARY_WAITS, CRASH_LOOP):
        return _explained(pod, subject, waits, container.waiting_message)
    if waits == CRASH_LOOP or (end is None and container.restarts and not container.is_ready):
        end = container.previous
    if end is None or (end.code == 0 and waits != CRASH_LOOP):
        return None
    if known(end.reason, end.message):
        return _explained(pod, subject, end.reason, end.message)
    log = logs.get(container.name, "")
    is_git = container.name == GIT_SYNC and log
    finding = git_errors.explain_in_pod(subject, log) if is_git else explain(subject, end.how, log)
    return PodState(False, f"{container.name} ended: {end.how}", finding)


def _explained(pod: Pod, name: str, reason: str, message: str) -> PodState:
    observed = f"{reason}: {message.strip().rstrip('.')}." if message else f"{reason}."
    return PodState(False, observed, _finding(name, pod.namespace, reason, message, observed))


def creation_refusal(workload: Mapping[str, Any]) -> Finding | None:
    """Return why the API server refuses to create a workload's pod; None if it does not say so."""
    for condition in workload.get("status", {}).get("conditions", ()):
        if (condition["type"], condition["status"]) == ("ReplicaFailure", "True"):
            name = f"{workload.get('kind', 'deployment').lower()}/{workload['metadata']['name']}"
            message = str(condition.get("message", ""))
            observed = f"Its pod can't be made: {message.strip().rstrip('.')}."
            namespace = workload["metadata"].get("namespace", "")
            return _finding(name, namespace, "FailedCreate", message, observed)
    return None


def _finding(name: str, namespace: str, reason: str, message: str, observed: str) -> Finding:
    """Explain by the catalogue; an unknown reason is shown as it is, without a guess."""
    found, where = known(reason, message), f" -n {namespace}" if namespace else ""
    return Finding(
        kind=found.kind if found else FindingKind.TRANSIENT,
        object=name,
        observed=observed,
        cause=found.cause if found else "This reason is not a known one.",
        fix=found.fix if found else f"`kubectl{where} describe {'/'.join(name.split('/')[:2])}` tells more.",
        whose=found.whose if found else "surroundings",
    )


ROOM_IS_MADE = ("TriggeredScaleUp", "Nominated")
"""Events by which cluster-autoscaler and Karpenter announce a node for this pod."""
UNSCHEDULABLE_GRACE_SECONDS = 7.0
"""Time for an autoscaler (it checks every ten seconds or oftener) to announce room."""


def room_is_coming(collected: Collected) -> bool:
    if collected.pod.condition("PodScheduled").get("status") == "True":
        return False
    return any(event.get("reason") in ROOM_IS_MADE for event in collected.events)


def is_certain(finding: Finding, pod: Pod, now: datetime) -> bool:
    """Return whether it will not pass; that no node fits counts after a grace. `now`: the cluster's clock."""
    if finding.kind is not FindingKind.CERTAIN:
        return False
    scheduled = pod.condition("PodScheduled")
    if scheduled.get("reason") != UNSCHEDULABLE:
        return True
    return (now - moment(scheduled["lastTransitionTime"])).total_seconds() >= UNSCHEDULABLE_GRACE_SECONDS


LOG_DELAY_SECONDS = 4.0
"""Time for a container's last lines to reach its log, or for its next start to show them as previous."""


def log_may_follow(collected: Collected, now: datetime) -> bool:
    """Return whether a container ended a moment ago, for no known reason, and its log is still empty."""
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
        return "the pod waits for a node"
    for container in pod.init:
        if container.name == INSTALLS and container.is_running:
            return INSTALLING
        if container.is_running or container.waiting_reason is not None:
            return f"the pod waits for its init container {container.name}"
    for container in pod.main:
        if container.waiting_reason is not None:
            return f"the pod waits for {container.name} to be started"
    for event in reversed(events):
        if event.get("reason") == "Unhealthy":
            return str(event.get("message", "")).splitlines()[0]
    told = next((one.termination.message for one in pod.init if one.name == INSTALLS and one.termination), "")
    waits = "the pod waits for its first successful probe"
    return f"{waits}. {told}" if told else waits
