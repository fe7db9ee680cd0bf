"""Follows logs across broken connections, container restarts, and new pods.

One thread watches the pods, and one for each container reads. Whenever a reading ends, the container is read
again from a moment before its last line; after a restart, the rest of the old log comes first.
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
"""A connection is renewed after this time, in case it is dead without notice."""
UNSETTLED_SECONDS, UNSETTLED_STREAM_SECONDS = 30.0, 10.0
"""After an outage the API server may still report a container that is gone: a kubelet repeats failed reports
every ten seconds. For the first time, readings last for the second one, and the pod is checked after each."""
AGAIN_SECONDS = 0.5
CHECK_SECONDS = 10.0
AHEAD = 10_000
"""How many lines may be read before they are printed."""


@dataclass(frozen=True)
class Followed:
    """One container of one pod."""

    uid: str
    source: Source


def follow(
    connection: Connection, wanted: Wanted, count: int, say: Callable[[str], None]
) -> Iterator[LogLine]:
    """Yield the last lines, merged by time, and then every new one, until the caller stops.

    Raises PlaygroundError when nothing matches, and when reading is refused. Transient errors are told to
    `say`, and the request is repeated.
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
        """Run a thread's work; its error is raised in `lines`."""
        try:
            work(*given)
        except PlaygroundError as error:
            self._found.put(error)

    def _watch(self) -> None:
        """Watch all pods that the selector matches, for ever."""
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
        """Read a container until its pod is gone or has ended."""
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
        """Read the rest of the previous container's log. Returns whether the API server answered."""
        if not self._take(one, memory, {"previous": "true"}):
            time.sleep(AGAIN_SECONDS)
            return False
        times = now.restarts - before.restarts
        lost = f" {times} times; what it said in between is gone" if times > 1 else ""
        self._say(f"{one.source} was restarted{lost}.")
        return True

    def _take(self, one: Followed, memory: Remembered, query: dict[str, str]) -> bool:
        """Read on until the answer ends. Returns whether the API server answered."""
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
        """Ask for the container's state; None when the pod is gone."""
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
            self._changed.wait_for(changed, CHECK_SECONDS)

    @contextmanager
    def _passing(self) -> Iterator[None]:
        """Tell of a transient error and leave the block; other errors are raised."""
        try:
            yield
        except PlaygroundError as error:
            if error.finding.kind is not FindingKind.TRANSIENT:
                raise
            self._no_answer(error.finding.observed)

    def _no_answer(self, observed: str) -> None:
        """Say it once, whichever threads find it."""
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
