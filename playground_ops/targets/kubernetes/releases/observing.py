"""Observes a release's pod, waits for it, and finds what is wrong with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

from playground_ops.core import messages
from playground_ops.core.checkout import Checkout, told
from playground_ops.core.clock import moment
from playground_ops.core.errors import Finding, FindingKind, PlaygroundError, certain, transient
from playground_ops.core.model import Observation, Release, ServerStatus
from playground_ops.core.pod import Pod, newest_first
from playground_ops.diagnose.pods import (
    GIT_SYNC,
    Collected,
    assess,
    creation_refusal,
    is_certain,
    log_may_follow,
    replaced_pod_end,
    room_is_coming,
)
from playground_ops.render.names import release_deployment
from playground_ops.render.release import SERVER
from playground_ops.targets.common.server_protocol import Address, NoAnswer
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import Selection, path_of
from playground_ops.targets.kubernetes.api.streaming import changes
from playground_ops.targets.kubernetes.pods.selection import collected, log_end, logs_of_ended
from playground_ops.targets.kubernetes.releases.deployments import Releases, selector

T = TypeVar("T")


def moved_on(commit: str, found: str) -> Finding:
    return certain(
        object=f"code/{commit}",
        observed=f"The project's own files are {found} here.",
        cause="The release was made by another version of this project, whose files are gone.",
        fix="Redeploy the location instead: it gets the files of this version.",
    )


def answered(release: Release, there: Address | None, asked: Callable[[Address], T]) -> T:
    """Return the answer of the server at the address. Raises PlaygroundError where there is none."""
    if there is None:
        raise PlaygroundError(_no_address(release))
    try:
        return asked(there)
    except NoAnswer as error:
        raise PlaygroundError(_no_answer(release, error)) from error


def _no_address(release: Release) -> Finding:
    return transient(
        object=f"release/{release.name}",
        observed="Its pod has no address any more.",
        cause="It was deleted, or its node went away, since it was ready.",
        fix="Redeploy.",
    )


def _no_answer(release: Release, error: NoAnswer) -> Finding:
    late = "It hangs, its node has more to do than it can, or a network policy drops what others send it."
    refused = "The server died just now, or a network policy lets nobody but the stack reach it."
    return transient(
        object=f"release/{release.name}",
        observed=f"Its pod is ready, and does not answer from here: {error}.",
        cause=late if error.is_late else refused,
        fix="Redeploy; a rollout has to run inside the cluster.",
    )


AWAY_SECONDS = 1.0
QUICK_SECONDS = 3.0
"""How long a server runs before its log is asked for what prepares it: most have nothing, and answer soon."""
ADDRESS_SECONDS = 2.0
"""How long a listed address is used before pods are listed again."""
EARLIER = "finding "
"""The prefix by which servers of releases of an earlier version report why they can't be started."""


NO_LFS = "git-sync's image has no git-lfs: keep such files outside of git, or in the location's image."


class Seen(NamedTuple):
    """The pods of a release at one time, newest first."""

    pods: Sequence[Pod]
    version: str
    """The version of the list: a watch from there misses nothing."""
    at: float
    is_news: bool = False
    """Whether a watch brought it and nobody has observed it yet."""

    def after(self, kind: str, pod: Pod) -> Seen:
        """Return the pods after an event of a watch."""
        others = [one for one in self.pods if one.uid != pod.uid]
        pods = newest_first(others if kind == "DELETED" else [*others, pod])
        return Seen(pods, pod.version, time.monotonic(), is_news=True)


class Pods:
    """The pods of releases, in one namespace."""

    def __init__(self, connection: Connection, namespace: str) -> None:
        self._connection, self._namespace = connection, namespace
        self._releases = Releases(connection, namespace)
        self._seen: dict[str, Seen] = {}
        """The last pods of each release, by its name."""

    def observe(self, release: Release) -> Observation:
        before = self._seen.get(release.name)
        if before is not None and before.is_news:
            pods, goes_on = before.pods, True
            self._seen[release.name] = before._replace(is_news=False)
        else:
            pods = self._listed(release)
            goes_on = before is not None and before.pods[:1] not in ([], pods[:1])
        if not pods:
            return self._without_a_pod(release)
        known = self._known(pods[0], goes_on)
        state = assess(known)
        if state.ready:
            return Observation(status=ServerStatus.READY, message="the server answers")
        finding = _told_by_itself(known) or state.finding or self._of_replaced(pods[1:])
        if finding is None and (what := self._prepared_now(release, pods[0])):
            return _starting(pods[0], what, None, prepares=True)
        if finding is not None and room_is_coming(known):
            finding = finding.model_copy(update={"kind": FindingKind.CAPACITY})
            return _starting(pods[0], state.message, finding, room_is_coming=True)
        now = self._connection.now()
        if finding is not None and is_certain(finding, pods[0], now) and not log_may_follow(known, now):
            return Observation(status=ServerStatus.FAILED, message=state.message, finding=finding)
        return _starting(pods[0], state.message, finding)

    def _of_replaced(self, pods: Sequence[Pod]) -> Finding | None:
        end = replaced_pod_end(pods, partial(collected, self._connection))
        return end.finding if end else None

    def _prepared_now(self, release: Release, pod: Pod) -> str:
        """Return what its server does before it imports anything; empty where it does nothing like that."""
        since, location = pod.container(SERVER).running_since, release.location
        if not since or release.revision.repository is None or location.prepare == ():
            return ""
        if (self._connection.now() - moment(since)).total_seconds() < QUICK_SECONDS:
            return ""
        text = log_end(self._connection, pod, SERVER, previous=False)
        lines = [str(told.get("line", "")) for told in messages.of_kind(messages.PREPARING, text)]
        return f"its preparation: {lines[-1]}" if lines and lines[-1] else ""

    def _known(self, pod: Pod, goes_on: bool) -> Collected:
        """Return the pod, with events and logs unless it comes up step by step and nothing is wrong."""
        alone = Collected(pod)
        if goes_on and assess(alone).finding is None:
            return alone
        return collected(self._connection, pod)

    def _listed(self, release: Release) -> Sequence[Pod]:
        pods, version = self._releases.pods(release)
        self._seen[release.name] = Seen(pods, version, time.monotonic())
        return pods

    def wait(self, release: Release, seconds: float) -> None:
        """Return with the next event of its pods, or after `seconds`."""
        seen = self._seen.get(release.name)
        chosen, version = Selection(self._namespace, selector(release)), seen.version if seen else ""
        try:
            event = next(changes(self._connection, chosen, version, seconds), None)
        except PlaygroundError:
            time.sleep(min(seconds, AWAY_SECONDS))  # the next observation raises what is wrong
            return
        if seen is not None and event is not None:
            self._seen[release.name] = seen.after(*event)

    def address(self, release: Release) -> str | None:
        """Return its pod's address once it has one; it does not change while the pod lives."""
        seen = self._seen.get(release.name)
        fresh = seen is not None and seen.pods and time.monotonic() - seen.at < ADDRESS_SECONDS
        pods = seen.pods if seen and fresh else self._listed(release)
        return pods[0].address or None if pods else None

    def checkout(self, release: Release) -> Checkout:
        """Return what the container that fetched the commit told at its end, which is a part of the pod."""
        seen = self._seen.get(release.name)
        pods = seen.pods if seen and seen.pods else self._listed(release)
        ends = (one.last_termination for pod in pods for one in pod.init if one.name == GIT_SYNC)
        message = next((end.message for end in ends if end and not end.code), "")
        return told(message, release.revision.commit, NO_LFS)

    def tail(self, release: Release, count: int) -> str:
        """Return the last lines of the container that ended badly, else of the server."""
        pods, _ = self._releases.pods(release)
        if not pods:
            return ""
        found = dict(logs_of_ended(self._connection, pods[0]))
        text = next(iter(found.values()), None) or log_end(self._connection, pods[0], SERVER, previous=False)
        return "\n".join(text.splitlines()[-count:])

    def _without_a_pod(self, release: Release) -> Observation:
        name = release_deployment(release.location.name, release.number)
        found = self._connection.get(path_of("apps/v1", "Deployment", name, self._namespace))
        if found is None:
            finding = _gone(f"deployment/{name}")
            return Observation(status=ServerStatus.FAILED, message="it is not there", finding=finding)
        if found["spec"].get("replicas", 1) == 0:
            finding = _scaled_to_nothing(f"deployment/{name}", self._namespace)
            return Observation(status=ServerStatus.FAILED, message=finding.observed, finding=finding)
        if refused := creation_refusal(found):
            failed = refused.kind is FindingKind.CERTAIN
            status = ServerStatus.FAILED if failed else ServerStatus.STARTING
            return Observation(status=status, message=refused.observed, finding=refused)
        return Observation(status=ServerStatus.STARTING, message="its pod is not made yet", imports=False)


def _starting(pod: Pod, message: str, finding: Finding | None, **more: bool) -> Observation:
    """Return a starting state; a certain finding within its grace is not reported yet."""
    passing = finding if finding is not None and finding.kind is not FindingKind.CERTAIN else None
    status = ServerStatus.STARTING
    return Observation(status=status, message=message, finding=passing, imports=pod.is_running, **more)


def _told_by_itself(known: Collected) -> Finding | None:
    for text in known.logs.values():
        for line in reversed(text.splitlines()):
            if line.startswith(EARLIER):
                return Finding.model_validate_json(line.removeprefix(EARLIER))
            if (found := messages.parsed(line)) and found[messages.KEY] == "finding":
                return Finding.model_validate(found)
    return None


def _scaled_to_nothing(what: str, namespace: str) -> Finding:
    return transient(
        object=what,
        observed="It is scaled to nothing, so it has no pod.",
        cause="Somebody, or an autoscaler, set its replicas to 0.",
        fix=f"`kubectl -n {namespace} scale {what} --replicas=1` brings it back as it was; a redeploy makes "
        "a new release.",
        whose="surroundings",
    )


def _gone(what: str) -> Finding:
    return transient(
        object=what,
        observed="It is not there any more.",
        cause="Somebody deleted it.",
        fix="Redeploy: what serves is started anew.",
    )
