"""Reads the logs of the pods that a person names, and explains why one has none."""

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from playground_ops.config import Configuration
from playground_ops.core.errors import BadInput, Finding, PlaygroundError, certain
from playground_ops.core.pod import Pod
from playground_ops.render.names import RELEASE, location_service
from playground_ops.render.runs import RUN_ID
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import Selection
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.api.streaming import lines
from playground_ops.targets.kubernetes.logs.lines import LogLine, Remembered, Source, merged, parsed
from playground_ops.targets.kubernetes.objects.components import app_of, configured
from playground_ops.targets.kubernetes.pods.selection import missing_right, no_match, not_ready, selected_pods


def selector_of(configuration: Configuration, component: str) -> str:
    """Return the selector of a component's pods; for a location, of all its releases. Raises BadInput."""
    locations = [location.name for location in configuration.all_locations]
    standing = configured(configuration)
    if component in standing:
        return f"app={app_of(component)}"
    if component in locations:
        return f"app={location_service(component)}"
    release = re.fullmatch(r"(.+)-(\d+)", component)
    if release and release[1] in locations:
        return f"app={location_service(release[1])},{RELEASE}={release[2]}"
    if re.fullmatch(r"[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}", component):
        return f"{RUN_ID}={component}"
    raise BadInput(_no_such_component(component, [*standing, *locations]))


def namespace_of(configuration: Configuration, selector: str) -> str:
    """Return the namespace of the selected pods: an isolated location's if the selector names its `app`."""
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
"""The container has not started, or its pod is gone, which the next reading of the pod shows."""


@dataclass(frozen=True)
class Wanted:
    """The pods and the container whose logs are wanted."""

    pods: Selection
    container: str | None = None
    """None: main containers that have started, or init containers while none has."""


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
    """Yield the end of every log, merged by time. Raises PlaygroundError when there is none.

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
    """Yield the logs before the containers' last restarts. Raises PlaygroundError when there are none.

    If the restarted container has ended too, its own log is read: a node keeps one log of ended containers.
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
    """Return the wanted pods, oldest first. Raises PlaygroundError for no pod, or no such container."""
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
    """Return what each pod without a log waits for."""
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
    """Yield one log; nothing where it has none yet or its pod is gone. Raises PlaygroundError."""
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
