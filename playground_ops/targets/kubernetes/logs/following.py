"""Logs that are followed: over breaks of the connection, restarts of containers, and new pods.

A thread watches the pods, and one for each container reads. A container is read again from a moment before
its last line whenever a reading ends, and what replaced it after what it left.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playground_ops.core.errors import FindingKind, PlaygroundError
from playground_ops.core.pod import LogState, Pod
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.streaming import states
from playground_ops.targets.kubernetes.logs.lines import LogLine, Remembered, Source, merged, since
from playground_ops.targets.kubernetes.logs.reading import Wanted, matching, read, recent, unstarted
from playground_ops.targets.kubernetes.pods.selection import right_to

STREAM_SECONDS = 120.0
"""After that a connection is taken to be dead, if nobody has noticed, and made anew."""
UNSETTLED_SECONDS, UNSETTLED_STREAM_SECONDS = 30.0, 10.0
"""After the API server was away it may tell of a container that is not there any more: a kubelet reports
every ten seconds what it could not report at once. Until then a reading is short, and the pod is looked at.
"""
AGAIN_SECONDS = 0.5
LOOK_SECONDS = 10.0
AHEAD = 10_000
"""Lines that may be read before they are printed."""


@dataclass(frozen=True)
class Followed:
    """One container of one pod."""

    uid: str
    source: Source


def follow(
    connection: Connection, wanted: Wanted, count: int, say: Callable[[str], None]
) -> Iterator[LogLine]:
    """The last lines, merged by time, and then every new one, until the reader stops.

    Raises PlaygroundError when nothing matches, and when reading is refused. What may pass is said and
    tried again.
    """
    pods = matching(connection, wanted)
    for finding in unstarted(connection, wanted, pods):
        say(finding.sentence())
    start = recent(connection, wanted, pods, count)
    yield from merged(one.lines for one in start)
    uids = {pod.name: pod.uid for pod in pods}
    known = {Followed(uids[one.source.pod], one.source): one.remembered() for one in start}
    yield from _Following(connection, wanted, known, say).lines()


class _Following:
    def __init__(
        self,
        connection: Connection,
        wanted: Wanted,
        known: dict[Followed, Remembered],
        say: Callable[[str], None],
    ) -> None:
        self._connection, self._wanted, self._known, self._say = connection, wanted, known, say
        self._found: queue.Queue[LogLine | PlaygroundError] = queue.Queue(AHEAD)
        self._changed = threading.Condition()
        self._pods: dict[str, Pod] = {}
        self._followed: set[Followed] = set()
        self._lost = False
        self._unsettled_until = 0.0

    def lines(self) -> Iterator[LogLine]:
        threading.Thread(target=self._guarded, args=(self._watch,), daemon=True).start()
        while True:
            told = self._found.get()
            if isinstance(told, PlaygroundError):
                raise told
            yield told

    def _guarded(self, work: Callable[..., None], *given: Any) -> None:
        """What ends a thread ends the whole, in words."""
        try:
            work(*given)
        except PlaygroundError as error:
            self._found.put(error)

    def _watch(self) -> None:
        """The watch goes on for ever, over all pods that the selector matches."""
        chosen = self._wanted.pods
        while True:
            with self._passing(), right_to("list and watch", "pods", chosen):
                for pods in states(self._connection, chosen, good_for=lambda: STREAM_SECONDS):
                    self._answered()
                    self._are({pod.uid: pod for pod in pods})
            time.sleep(AGAIN_SECONDS)

    def _are(self, pods: dict[str, Pod]) -> None:
        with self._changed:
            self._pods = pods
            self._changed.notify_all()
        for pod in pods.values():
            for name in pod.to_read(self._wanted.container):
                self._begin(Followed(pod.uid, Source(pod.name, name)))

    def _begin(self, one: Followed) -> None:
        if one in self._followed:
            return
        self._followed.add(one)
        if one not in self._known:
            self._say(f"Following {one.source}.")
        memory = self._known.pop(one, None) or Remembered()
        threading.Thread(target=self._guarded, args=(self._follow, one, memory), daemon=True).start()

    def _follow(self, one: Followed, memory: Remembered) -> None:
        """Until its pod is gone, or at its end."""
        before, whole = LogState(), False
        while (now := self._state(one)) is not None:
            if before.id and now.id != before.id and not self._replaced(one, memory, before, now):
                continue
            if now.running or now != before or not whole:
                whole = self._take(one, memory, {"follow": "true"} if now.running else {})
            if now.over and whole:
                return
            before = now
            if now.running or not whole:
                time.sleep(AGAIN_SECONDS)
            else:
                self._until_it_changes(one, now)

    def _replaced(self, one: Followed, memory: Remembered, before: LogState, now: LogState) -> bool:
        """What the container before said since; whether somebody answered."""
        if not self._take(one, memory, {"previous": "true"}):
            time.sleep(AGAIN_SECONDS)
            return False
        times = now.restarts - before.restarts
        lost = f" {times} times; what it said in between is gone" if times > 1 else ""
        self._say(f"{one.source} was restarted{lost}.")
        return True

    def _take(self, one: Followed, memory: Remembered, query: dict[str, str]) -> bool:
        """Read on, to an end; whether somebody answered."""
        unsettled = time.monotonic() < self._unsettled_until
        seconds = UNSETTLED_STREAM_SECONDS if unsettled else STREAM_SECONDS
        with self._passing():
            begin = memory.begin(time.monotonic())
            asked = {**query, "sinceTime": since(begin)} if begin else query
            log = read(self._connection, self._wanted.pods, one.source, asked, seconds)
            for line in memory.new(log):
                self._found.put(line)
            return True
        return False

    def _state(self, one: Followed) -> LogState | None:
        """As the API server tells it now; None when the pod is gone."""
        path = self._wanted.pods.pod_path(one.source.pod)
        while True:
            with self._passing(), right_to("get", "pods", self._wanted.pods):
                pod = Pod.read(self._connection.get(path) or {})
                self._answered()
                return pod.log_state(one.source.container) if pod.uid == one.uid else None
            time.sleep(AGAIN_SECONDS)

    def _until_it_changes(self, one: Followed, now: LogState) -> None:
        def changed() -> bool:
            pod = self._pods.get(one.uid)
            return pod is None or pod.log_state(one.source.container) != now

        with self._changed:
            self._changed.wait_for(changed, LOOK_SECONDS)

    @contextmanager
    def _passing(self) -> Iterator[None]:
        """What may pass ends the block and is told; the rest is raised."""
        try:
            yield
        except PlaygroundError as error:
            if error.finding.kind is not FindingKind.TRANSIENT:
                raise
            self._no_answer(error.finding.observed)

    def _no_answer(self, observed: str) -> None:
        """Said once, whichever threads meet it."""
        with self._changed:
            told, self._lost = self._lost, True
        if not told:
            self._say(f"{observed} Trying again.")

    def _answered(self) -> None:
        with self._changed:
            told, self._lost = self._lost, False
        if told:
            self._unsettled_until = time.monotonic() + UNSETTLED_SECONDS
            self._say("It answers again.")
