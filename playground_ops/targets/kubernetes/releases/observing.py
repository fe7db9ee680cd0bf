"""One release's pod: looked at, waited for, and what can be wrong with it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from playground_ops.core import messages
from playground_ops.core.errors import Finding, FindingKind, PlaygroundError
from playground_ops.core.model import Observation, Release, ServerStatus
from playground_ops.core.redact import redact
from playground_ops.diagnose.pods import (
    Collected,
    is_certain,
    look,
    may_yet_say_why,
    not_created,
    of_those_before,
    room_is_coming,
)
from playground_ops.render.names import an_object, release_deployment
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import collection, path
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.api.streaming import lines
from playground_ops.targets.kubernetes.releases.deployments import Releases, selector


def moved_on(commit: str, found: str) -> Finding:
    return Finding(
        kind=FindingKind.CERTAIN,
        object=f"code/{commit}",
        observed=f"The project's own files are {found} here.",
        cause="The release was made by another version of this project, whose files are gone.",
        fix="Redeploy the location instead: it gets the files of this version.",
    )


def no_address(release: Release) -> Finding:
    return Finding(
        kind=FindingKind.TRANSIENT,
        object=f"release/{release.name}",
        observed="Its pod has no address any more.",
        cause="It was deleted, or its node went away, since it was ready.",
        fix="Redeploy.",
    )


def no_answer(release: Release, told: str) -> Finding:
    return Finding(
        kind=FindingKind.TRANSIENT,
        object=f"release/{release.name}",
        observed=f"Its pod is ready, and does not answer from here: {told}.",
        cause="The server died just now, or a network policy lets nobody but the stack reach it.",
        fix="Redeploy; a rollout has to run inside the cluster.",
    )


DIAGNOSED_LINES = 200
AWAY_SECONDS = 1.0
EARLIER = "finding "
"""How a server of a release that an earlier version made tells why it can't be started."""
REMOVED = "unable to retrieve container logs for"
"""The whole of the log that a kubelet answers with (and 200) for a container that it has removed since
(`GetContainerLogs` in pkg/kubelet/kuberuntime)."""


class Pods:
    """Of releases, in one namespace."""

    def __init__(self, connection: Connection, namespace: str) -> None:
        self._connection, self._namespace = connection, namespace
        self._releases = Releases(connection, namespace)
        self._versions: dict[str, str] = {}
        """By release: as of when it was looked at, so that a wait misses nothing since."""

    def observe(self, release: Release) -> Observation:
        pods, version = self._releases.pods(release)
        self._versions[release.name] = version
        if not pods:
            return self._without_a_pod(release)
        collected = self.collected(pods[0])
        seen = look(collected)
        if seen.ready:
            return Observation(status=ServerStatus.READY, message="the server answers")
        finding = _told_by_itself(collected) or seen.finding or of_those_before(pods[1:])
        if finding is not None and room_is_coming(collected):
            finding = finding.model_copy(update={"kind": FindingKind.CAPACITY})
            return _starting(pods[0], seen.message, finding, room_is_coming=True)
        now = self._connection.now()
        if finding is not None and is_certain(finding, pods[0], now) and not may_yet_say_why(collected, now):
            return Observation(status=ServerStatus.FAILED, message=seen.message, finding=finding)
        return _starting(pods[0], seen.message, finding)

    def collected(self, pod: Mapping[str, Any]) -> Collected:
        """With its events and the ends of its logs, where it is not ready."""
        return Collected(pod, self._events(pod), dict(self._logs(pod)))

    def wait(self, release: Release, seconds: float) -> None:
        """Return with the next event of its pods, or after `seconds`."""
        query = {"watch": "1", "labelSelector": selector(release)}
        if version := self._versions.get(release.name):
            query["resourceVersion"] = version
        folder = collection("v1", "Pod", self._namespace)
        try:
            next(lines(self._connection, folder, query, seconds), None)
        except PlaygroundError:
            time.sleep(min(seconds, AWAY_SECONDS))  # whoever looks next is told what is the matter

    def address(self, release: Release) -> str | None:
        """Its pod's address, once it has one."""
        pods, _ = self._releases.pods(release)
        return str(pods[0].get("status", {}).get("podIP") or "") or None if pods else None

    def tail(self, release: Release, count: int) -> str:
        """The end of the log that says most: of the container that ended badly, else of the server."""
        pods, _ = self._releases.pods(release)
        if not pods:
            return ""
        found = dict(self._logs(pods[0]))
        text = next(iter(found.values()), None) or self._log(pods[0], "dagster-grpc", previous=False)
        return "\n".join(text.splitlines()[-count:])

    def _without_a_pod(self, release: Release) -> Observation:
        name = release_deployment(release.location.name, release.number)
        found = self._connection.get(path(an_object("apps/v1", "Deployment", name, self._namespace, {})))
        if found is None:
            finding = _gone(f"deployment/{name}")
            return Observation(status=ServerStatus.FAILED, message="it is not there", finding=finding)
        if found["spec"].get("replicas", 1) == 0:
            finding = _scaled_to_nothing(f"deployment/{name}")
            return Observation(status=ServerStatus.FAILED, message=finding.observed, finding=finding)
        for condition in found.get("status", {}).get("conditions", ()):
            if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
                return _not_created(f"deployment/{name}", condition.get("message", ""))
        return Observation(status=ServerStatus.STARTING, message="its pod to be made", imports=False)

    def _events(self, pod: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        if _is_ready(pod):
            return ()
        query = {"fieldSelector": f"involvedObject.uid={pod['metadata']['uid']}"}
        found = self._connection.request("GET", collection("v1", "Event", self._namespace), query=query)
        return sorted(found["items"], key=lambda event: event.get("lastTimestamp") or "")

    def _logs(self, pod: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Of each container that ended badly."""
        status = pod.get("status", {})
        for one in [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]:
            ended = one.get("state", {}).get("terminated")
            before = one.get("lastState", {}).get("terminated")
            if (ended or before or {}).get("exitCode") and not one.get("ready"):
                yield one["name"], self._log(pod, one["name"], previous=ended is None)

    def _log(self, pod: Mapping[str, Any], container: str, *, previous: bool) -> str:
        """Of this start of the container, or of the one beside it: the node may have removed that already, or
        have started the container again since its pod was looked at, and that start has said nothing yet.
        """
        where = path({**pod, "apiVersion": "v1", "kind": "Pod"})
        for one in (previous, not previous):
            query = {"container": container, "tailLines": str(DIAGNOSED_LINES), "previous": str(one).lower()}
            try:
                text = self._connection.text(f"{where}/log", query)
            except Refusal:
                continue  # the container has not started, or its log is gone
            if text.strip() and not text.startswith(REMOVED):
                return redact(text)
        return ""


def _starting(pod: Mapping[str, Any], message: str, finding: Finding | None, **more: bool) -> Observation:
    """A certain finding in its grace is none yet: nothing else is waited for meanwhile."""
    passing = finding if finding is not None and finding.kind is not FindingKind.CERTAIN else None
    imports = any("running" in one.get("state", {}) for one in pod["status"].get("containerStatuses", ()))
    status = ServerStatus.STARTING
    return Observation(status=status, message=message, finding=passing, imports=imports, **more)


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(found["type"] == "Ready" and found["status"] == "True" for found in conditions)


def _told_by_itself(collected: Collected) -> Finding | None:
    for text in collected.logs.values():
        for line in reversed(text.splitlines()):
            if line.startswith(EARLIER):
                return Finding.model_validate_json(line.removeprefix(EARLIER))
            if (found := messages.parsed(line)) and found[messages.KEY] == "finding":
                return Finding.model_validate(
                    {key: value for key, value in found.items() if key != messages.KEY}
                )
    return None


def _not_created(what: str, message: str) -> Observation:
    finding = not_created(what, message)
    failed = finding.kind is FindingKind.CERTAIN
    status = ServerStatus.FAILED if failed else ServerStatus.STARTING
    return Observation(status=status, message=finding.observed, finding=finding)


def _scaled_to_nothing(what: str) -> Finding:
    return Finding(
        kind=FindingKind.TRANSIENT,
        object=what,
        observed="It is scaled to nothing, so it has no pod.",
        cause="Somebody, or an autoscaler, set its replicas to 0.",
        fix=f"`kubectl scale {what} --replicas=1` brings it back as it was; a redeploy makes a new release.",
        whose="surroundings",
    )


def _gone(what: str) -> Finding:
    return Finding(
        kind=FindingKind.TRANSIENT,
        object=what,
        observed="It is not there any more.",
        cause="Somebody deleted it.",
        fix="Redeploy: what serves is started anew.",
    )
