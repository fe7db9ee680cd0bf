"""Pods by label selector: which there are, which is ready, and why one is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from playground_ops.core.errors import Finding, FindingKind, PlaygroundError
from playground_ops.core.redact import redact
from playground_ops.diagnose.pods import Collected, look
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.api.streaming import lines

Pod = Mapping[str, Any]
EVIDENCE_LINES = "40"
READ_SECONDS = 10.0


@dataclass(frozen=True)
class Selection:
    """Of one namespace. An empty selector is all of its pods."""

    namespace: str
    selector: str

    @property
    def path(self) -> str:
        return f"/api/v1/namespaces/{quote(self.namespace, safe='')}/pods"

    def pod_path(self, name: str) -> str:
        return f"{self.path}/{quote(name, safe='')}"

    @property
    def title(self) -> str:
        return f"pods/{self.selector or self.namespace}"


def found(connection: Connection, chosen: Selection) -> Any:
    """The PodList. Raises PlaygroundError, also when it is refused."""
    try:
        return connection.request("GET", chosen.path, query={"labelSelector": chosen.selector})
    except Refusal as refusal:
        raise PlaygroundError(not_allowed(chosen, "list", "pods", refusal)) from refusal


def ready_pod(connection: Connection, chosen: Selection) -> str:
    """The youngest that is ready and not about to end, by name. Raises PlaygroundError: why none is."""
    pods = sorted(found(connection, chosen)["items"], key=created, reverse=True)
    for pod in pods:
        if is_ready(pod) and not is_ending(pod):
            return name_of(pod)
    if not pods:
        raise PlaygroundError(nothing_matches(connection, chosen))
    staying = [pod for pod in pods if not is_ending(pod)]
    raise PlaygroundError(why_not(connection, chosen, (staying or pods)[0]))


def name_of(pod: Pod) -> str:
    return str(pod["metadata"]["name"])


def created(pod: Pod) -> str:
    return str(pod["metadata"].get("creationTimestamp", ""))


def is_ending(pod: Pod) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def is_ready(pod: Pod) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any((one["type"], one["status"]) == ("Ready", "True") for one in conditions)


def why_not(connection: Connection, chosen: Selection, pod: Pod) -> Finding:
    """Why a pod is not ready, with what its events and logs tell."""
    if is_ending(pod):
        return _waits(pod, "It is being deleted.", "Another one takes its place, if anything asks for one.")
    seen = look(Collected(pod, _events(connection, chosen, pod), _logs(connection, chosen, pod)))
    if seen.finding:
        return seen.finding
    return _waits(pod, f"It is not ready: it waits for {seen.message}.", "It has not come up yet.")


def _waits(pod: Pod, observed: str, cause: str) -> Finding:
    return Finding(
        kind=FindingKind.TRANSIENT,
        object=f"pod/{name_of(pod)}",
        observed=observed,
        cause=cause,
        fix=f"Wait; `kubectl describe pod {name_of(pod)}` tells more.",
    )


def _events(connection: Connection, chosen: Selection, pod: Pod) -> Sequence[Mapping[str, Any]]:
    path = f"{chosen.path.removesuffix('/pods')}/events"
    query = {"fieldSelector": f"involvedObject.uid={pod['metadata'].get('uid', '')}"}
    try:
        events: list[Mapping[str, Any]] = connection.request("GET", path, query=query)["items"]
    except Refusal:
        return ()  # the pod itself tells most of it
    return sorted(events, key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")


def _logs(connection: Connection, chosen: Selection, pod: Pod) -> Mapping[str, str]:
    """Of containers that have ended."""
    status = pod.get("status", {})
    told = {}
    for one in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        ended = {**one.get("lastState", {}), **one.get("state", {})}.get("terminated")
        if ended and ended.get("exitCode"):
            told[one["name"]] = _last_lines(connection, chosen, pod, one["name"])
    return told


def _last_lines(connection: Connection, chosen: Selection, pod: Pod, container: str) -> str:
    query = {"container": container, "tailLines": EVIDENCE_LINES}
    try:
        read = lines(connection, f"{chosen.pod_path(name_of(pod))}/log", query, READ_SECONDS)
        return "\n".join(redact(line.decode(errors="replace")) for line in read)
    except PlaygroundError:
        return ""


def nothing_matches(connection: Connection, chosen: Selection) -> Finding:
    there = found(connection, Selection(chosen.namespace, ""))["items"]
    apps = sorted({f"app={app}" for pod in there if (app := pod["metadata"].get("labels", {}).get("app"))})
    told = f"The namespace's pods have: {', '.join(apps)}." if apps else _nothing_there(connection, chosen)
    return Finding(
        kind=FindingKind.CERTAIN,
        object=chosen.title,
        observed=f"No pod in the namespace {chosen.namespace} matches.",
        cause=told,
        fix="Deploy it, or name what is there; `kubernetes: namespace:` says where that is looked for.",
    )


def _nothing_there(connection: Connection, chosen: Selection) -> str:
    try:
        exists = connection.get(chosen.path.removesuffix("/pods")) is not None
    except Refusal:
        exists = True  # whoever may not read namespaces can't be told
    if exists:
        return "It has no pods of a component at all: no stack is deployed there."
    return f"The cluster {connection.name} has no such namespace."


def not_allowed(chosen: Selection, verb: str, resource: str, refusal: Refusal) -> Finding:
    """With the right that it takes."""
    what = f"pods/{chosen.selector or chosen.namespace}"
    told = refusal.finding.model_copy(update={"object": what})
    if refusal.code == 400:
        fix = "Mend the selector: `app=dagster-webserver`, several separated by commas."
        return told.model_copy(update={"cause": "The API server does not understand it.", "fix": fix})
    if refusal.code not in (401, 403):
        return told
    return told.model_copy(
        update={"fix": f"It takes the right to {verb} {resource} in the namespace {chosen.namespace}."}
    )
