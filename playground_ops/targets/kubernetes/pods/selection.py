"""Finds pods by label selector, a ready one among them, and why one is not ready."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from playground_ops.core.errors import Finding, PlaygroundError, certain, transient
from playground_ops.core.pod import Pod
from playground_ops.core.redact import redact
from playground_ops.diagnose.pods import Collected, assess
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import Selection, collection, path
from playground_ops.targets.kubernetes.api.refusals import Refusal

EVIDENCE_LINES = 200
REMOVED = "unable to retrieve container logs for"
"""A kubelet's answer (with status 200) instead of the log of a container that it has removed
(`GetContainerLogs` in pkg/kubelet/kuberuntime)."""


def selected_pods(connection: Connection, chosen: Selection) -> list[Pod]:
    """Return the chosen pods, oldest first. Raises PlaygroundError, also when it is refused."""
    with right_to("list", "pods", chosen):
        listed = connection.request("GET", chosen.path, query=chosen.query)
    return sorted(map(Pod.read, listed["items"]), key=lambda pod: pod.created)


def ready_pod(connection: Connection, chosen: Selection) -> str:
    """Return the name of the youngest ready pod that is not ending. Raises PlaygroundError: why none is."""
    pods = selected_pods(connection, chosen)[::-1]
    if not pods:
        raise PlaygroundError(no_match(connection, chosen))
    staying = [pod for pod in pods if not pod.is_ending]
    for pod in staying:
        if pod.is_ready:
            return pod.name
    raise PlaygroundError(not_ready(connection, (staying or pods)[0]))


def not_ready(connection: Connection, pod: Pod) -> Finding:
    """Explain why a pod is not ready, by its events and logs."""
    if pod.is_ending:
        return _waits(pod, "It is being deleted.", "Another one takes its place, if anything asks for one.")
    events: Sequence[Mapping[str, Any]] = ()
    with suppress(Refusal):  # the pod itself tells most of it
        events = _events(connection, pod)
    state = assess(Collected(pod, events, dict(logs_of_ended(connection, pod))))
    if state.finding:
        return state.finding
    return _waits(pod, f"It is not ready: {state.message.rstrip('.')}.", "It has not come up yet.")


def _waits(pod: Pod, observed: str, cause: str) -> Finding:
    return transient(
        object=f"pod/{pod.name}",
        observed=observed,
        cause=cause,
        fix=f"Wait; `kubectl -n {pod.namespace} describe pod {pod.name}` tells more.",
    )


def collected(connection: Connection, pod: Pod) -> Collected:
    """Return the pod with the ends of its logs and, if it is not ready, its events."""
    events = () if pod.is_ready else _events(connection, pod)
    return Collected(pod, events, dict(logs_of_ended(connection, pod)))


def _events(connection: Connection, pod: Pod) -> Sequence[Mapping[str, Any]]:
    query = {"fieldSelector": f"involvedObject.uid={pod.uid}"}
    found = connection.request("GET", collection("v1", "Event", pod.namespace), query=query)["items"]
    return sorted(found, key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")


def logs_of_ended(connection: Connection, pod: Pod) -> Iterator[tuple[str, str]]:
    """Yield name and end of the log of each container that ended badly."""
    for one in pod.containers:
        end = one.last_termination
        if end and end.code and not one.is_ready:
            yield one.name, log_end(connection, pod, one.name, previous=one.termination is None)


def log_end(connection: Connection, pod: Pod, container: str, *, previous: bool) -> str:
    """Read the end of one start's log, or else of the other one's.

    A node may have removed the log meanwhile, or restarted the container, which has written nothing yet.
    """
    for one in (previous, not previous):
        query = {"container": container, "tailLines": str(EVIDENCE_LINES), "previous": str(one).lower()}
        try:
            text = connection.text(f"{path(pod.reference)}/log", query)
        except Refusal:
            continue  # the container has not started, or its log is gone
        if text.strip() and not text.startswith(REMOVED):
            return redact(text)
    return ""


def no_match(connection: Connection, chosen: Selection) -> Finding:
    there = selected_pods(connection, Selection(chosen.namespace, ""))
    apps = sorted({f"app={app}" for pod in there if (app := pod.labels.get("app"))})
    told = f"The namespace's pods have: {', '.join(apps)}." if apps else _nothing_there(connection, chosen)
    return certain(
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


@contextmanager
def right_to(verb: str, resource: str, chosen: Selection) -> Iterator[None]:
    """Turn a refusal within the block into an error that names the missing right."""
    try:
        yield
    except Refusal as refusal:
        raise PlaygroundError(missing_right(chosen, verb, resource, refusal)) from refusal


def missing_right(chosen: Selection, verb: str, resource: str, refusal: Refusal) -> Finding:
    told = refusal.finding.model_copy(update={"object": chosen.title})
    if refusal.code == 400:
        fix = "Mend the selector: `app=dagster-webserver`, several separated by commas."
        return told.model_copy(update={"cause": "The API server does not understand it.", "fix": fix})
    if refusal.code not in (401, 403):
        return told
    return told.model_copy(
        update={"fix": f"It takes the right to {verb} {resource} in the namespace {chosen.namespace}."}
    )
