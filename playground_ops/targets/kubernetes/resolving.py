"""What a ref means now, asked by a short pod with the location's own git credentials."""

from __future__ import annotations

import re
import time
from typing import Any
from uuid import uuid4

from playground_ops.config import Configuration
from playground_ops.diagnose.pods import Collected, look
from playground_ops.errors import Finding, FindingKind, PlaygroundError
from playground_ops.model import Location, Revision
from playground_ops.render import resolver
from playground_ops.targets import refs
from playground_ops.targets.git_failures import explain, too_slow
from playground_ops.targets.kubernetes.connection import Connection
from playground_ops.targets.kubernetes.paths import collection, path
from playground_ops.targets.kubernetes.refusals import Refusal
from playground_ops.targets.kubernetes.streaming import lines

RESOLVE_SECONDS = 45
"""Of the pod; a pod that is not even started by then is no answer either."""
LONGEST_ANSWER = 1_000_000
"""Bytes of the pod's log."""
_REF = re.compile(r"^[0-9a-f]{40,64}\t", re.MULTILINE)


def resolve(
    connection: Connection, configuration: Configuration, location: Location, ref: str | None
) -> Revision:
    """Pin `ref` (None: the configured one). A full commit needs no pod. Raises PlaygroundError."""
    url, wanted = location.repository or "", ref or location.ref
    known = refs.pinned(url, wanted)
    if known is not None:
        return known
    name = f"dagster-resolve-{location.name}-{uuid4().hex[:8]}"
    pod = resolver.render(location, refs.names(wanted), configuration, name, RESOLVE_SECONDS)
    folder = collection("v1", "Pod", configuration.kubernetes.namespace)
    connection.request("POST", folder, pod)
    try:
        answer = _answer(connection, pod, url)
    finally:
        _remove(connection, pod)
    exact, _, every = answer.partition(f"{resolver.ALL}\n")
    return refs.chosen(url, wanted, exact, lambda: every)


def _answer(connection: Connection, pod: dict[str, Any], url: str) -> str:
    ended = _ended(connection, pod, url)
    said = connection.text(f"{path(pod)}/log", {"limitBytes": str(LONGEST_ANSWER)})
    if _exit_code(ended) == 0:
        return (
            "\n".join(line for line in said.splitlines() if _REF.match(line) or line == resolver.ALL) + "\n"
        )
    if ended["status"].get("reason") == "DeadlineExceeded":
        raise PlaygroundError(too_slow(refs.thing(url), RESOLVE_SECONDS, said))
    raise PlaygroundError(explain(refs.thing(url), said))


def _ended(connection: Connection, pod: dict[str, Any], url: str) -> dict[str, Any]:
    """The pod when it has ended. Raises PlaygroundError when it can't be started."""
    deadline = time.monotonic() + RESOLVE_SECONDS + 15
    folder = collection("v1", "Pod", pod["metadata"]["namespace"])
    seen = f"metadata.name={pod['metadata']['name']}"
    while True:
        found = connection.get(path(pod))
        if found is None:
            raise PlaygroundError(_not_there(url, "the pod that asks was deleted"))
        if found["status"].get("phase") in ("Succeeded", "Failed") or _exit_code(found) is not None:
            return dict(found)
        looked = look(Collected(found))
        if looked.finding is not None and looked.finding.kind is FindingKind.CERTAIN:
            raise PlaygroundError(looked.finding)
        left = deadline - time.monotonic()
        if left <= 0:
            raise PlaygroundError(looked.finding or _not_there(url, f"its pod waits for {looked.message}"))
        query = {
            "watch": "1",
            "fieldSelector": seen,
            "resourceVersion": found["metadata"]["resourceVersion"],
        }
        next(lines(connection, folder, query, min(left, 10.0)), None)


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


def _not_there(url: str, what: str) -> Finding:
    return Finding(
        kind=FindingKind.TRANSIENT,
        object=refs.thing(url),
        observed=f"No answer after {RESOLVE_SECONDS} s: {what}.",
        cause="The cluster has no room, or pulls an image slowly.",
        fix="It is tried again; `kubectl get pods -l app.kubernetes.io/component=resolver` shows it.",
    )
