"""The logs of the pods that a person names: what there is, and for what there is not, why."""

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from playground_ops.config import Configuration
from playground_ops.core.errors import BadInput, Finding, PlaygroundError, certain
from playground_ops.core.pod import Pod
from playground_ops.render.names import RELEASE, STANDING, location_service
from playground_ops.render.runs import RUN_ID
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import Selection
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.api.streaming import lines
from playground_ops.targets.kubernetes.logs.lines import LogLine, Remembered, Source, merged, parsed
from playground_ops.targets.kubernetes.pods.selection import missing_right, no_match, not_ready, selected_pods

SECOND = "webserver-read-only"


def selector_of(configuration: Configuration, component: str) -> str:
    """Of a component's pods: of a location those of all its releases. Raises BadInput."""
    locations = [location.name for location in configuration.all_locations]
    standing = [name for name in STANDING if name != SECOND or configuration.webserver.read_only]
    if component in standing:
        return f"app={STANDING[component]}"
    if component in locations:
        return f"app={location_service(component)}"
    release = re.fullmatch(r"(.+)-(\d+)", component)
    if release and release[1] in locations:
        return f"app={location_service(release[1])},{RELEASE}={release[2]}"
    if re.fullmatch(r"[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}", component):
        return f"{RUN_ID}={component}"
    raise BadInput(_no_such_component(component, [*standing, *locations]))


def namespace_of(configuration: Configuration, selector: str) -> str:
    """Of the pods that labels choose: an isolated location's, where they name its `app`."""
    apps = re.findall(r"(?:^|,)\s*app\s*==?\s*([^,\s]+)", selector)
    names = [one.name for one in configuration.isolated if location_service(one.name) in apps]
    return configuration.namespace_of(names[0]) if names else configuration.kubernetes.namespace


def _no_such_component(component: str, known: list[str]) -> Finding:
    return certain(
        object=f"component/{component}",
        observed="There is no such component.",
        cause=f"There are: {', '.join(known)}; and releases, such as {known[-1]}-1.",
        fix="Name one of these, the whole id of a run that is in a pod of its own, or pods by -l.",
    )


READ_SECONDS = 60.0
NOT_READABLE = (400, 404)
"""The container has not started, or its pod is gone: whoever reads on looks at the pod and sees it."""


@dataclass(frozen=True)
class Wanted:
    """Whose logs."""

    pods: Selection
    container: str | None = None
    """None: those that have started, and init containers while none has."""


@dataclass(frozen=True)
class Recent:
    """The last lines of one container, and whether there are older ones."""

    source: Source
    lines: list[LogLine]
    cut: bool

    def remembered(self) -> Remembered:
        told = Remembered(floor=self.lines[0].at if self.cut and self.lines else 0)
        deque(told.new(self.lines), maxlen=0)
        return told


def last_lines(
    connection: Connection, wanted: Wanted, count: int, say: Callable[[str], None]
) -> Iterator[LogLine]:
    """Of each container that has a log, merged by time. Raises PlaygroundError when none has one.

    `say` is told of pods that have nothing to read yet.
    """
    pods = matching(connection, wanted)
    readable = recent(connection, wanted, pods, count)
    waiting = unstarted(connection, wanted, pods)
    if waiting and not readable:
        raise PlaygroundError(*waiting)
    for finding in waiting:
        say(finding.sentence())
    return merged(one.lines for one in readable)


def lines_before(connection: Connection, wanted: Wanted, count: int) -> Iterator[LogLine]:
    """Of the containers that were replaced in their pods. Raises PlaygroundError when there are none.

    Where the one that replaced it has ended too, that one's: a node keeps one log of those that have ended.
    """
    pods = matching(connection, wanted)
    sources = [(pod, name) for pod in pods for name in pod.ran_before(wanted.container)]
    if not sources:
        raise PlaygroundError(_never_restarted(wanted))

    def log(pod: Pod, name: str) -> list[LogLine]:
        which = {"previous": "true"} if pod.container(name).is_running else {}
        query = {"tailLines": str(count), **which}
        return list(read(connection, wanted.pods, Source(pod.name, name), query))

    return merged([log(*source) for source in sources])


def matching(connection: Connection, wanted: Wanted) -> list[Pod]:
    """Oldest first. Raises PlaygroundError when there are none, or none has such a container."""
    pods = selected_pods(connection, wanted.pods)
    if not pods:
        raise PlaygroundError(no_match(connection, wanted.pods))
    known = list(dict.fromkeys(name for pod in pods for name in pod.names))
    if wanted.container and wanted.container not in known:
        raise BadInput(_no_such_container(wanted, known))
    return pods


def recent(connection: Connection, wanted: Wanted, pods: list[Pod], count: int) -> list[Recent]:
    sources = [Source(pod.name, name) for pod in pods for name in pod.to_read(wanted.container)]
    query = {"tailLines": str(count)}
    logs = [(source, list(read(connection, wanted.pods, source, query))) for source in sources]
    return [Recent(source, log, len(log) >= count) for source, log in logs]


def unstarted(connection: Connection, wanted: Wanted, pods: list[Pod]) -> list[Finding]:
    """What each pod that has nothing to read waits for."""
    return [
        not_ready(connection, pod)
        for pod in pods
        if not pod.to_read(wanted.container) and wanted.container in (None, *pod.names)
    ]


def read(
    connection: Connection,
    pods: Selection,
    source: Source,
    query: Mapping[str, str],
    seconds: float = READ_SECONDS,
) -> Iterator[LogLine]:
    """One log, as far as it goes. Raises PlaygroundError; of what can't be read there are no lines."""
    asked = {"container": source.container, "timestamps": "true", **query}
    try:
        for line in lines(connection, f"{pods.pod_path(source.pod)}/log", asked, seconds):
            yield parsed(source, line)
    except Refusal as refusal:
        if refusal.code not in NOT_READABLE:
            raise PlaygroundError(missing_right(pods, "get", "pods/log", refusal)) from refusal


def _no_such_container(wanted: Wanted, known: list[str]) -> Finding:
    return certain(
        object=wanted.pods.title,
        observed=f"No container is named {wanted.container}.",
        cause=f"The pods have: {', '.join(known)}.",
        fix="Name one of these by -c, or leave it out.",
    )


def _never_restarted(wanted: Wanted) -> Finding:
    return certain(
        object=wanted.pods.title,
        observed="There is no previous log.",
        cause="No container was restarted in its pod; the log of a pod that is gone is gone with it.",
        fix="Leave out --previous.",
    )
