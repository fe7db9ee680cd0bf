"""Logs that are followed: over breaks of the connection, restarts of containers, and new pods.

A thread watches the pods, and one for each container reads. A container is read again from a moment before
its last line whenever a reading ends, and what replaced it after what it left.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from playground_ops.core.errors import FindingKind, PlaygroundError
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.api.streaming import lines
from playground_ops.targets.kubernetes.logs.lines import LogLine, Remembered, Source, merged, since
from playground_ops.targets.kubernetes.logs.reading import Pod, Wanted, matching, read, recent, unstarted
from playground_ops.targets.kubernetes.pods import containers
from playground_ops.targets.kubernetes.pods.containers import State
from playground_ops.targets.kubernetes.pods.selection import found, name_of, not_allowed

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
LOST = (410, 504)
"""A watch can't go on from there, or the server is busy: list again."""


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
    uids = {name_of(pod): str(pod["metadata"]["uid"]) for pod in pods}
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
        """Of all pods that the selector matches, for ever."""
        chosen = self._wanted.pods
        while True:
            with self._passing():
                listed = found(self._connection, chosen)
                self._answered()
                self._are({str(pod["metadata"]["uid"]): pod for pod in listed["items"]})
                query = {
                    "watch": "1",
                    "labelSelector": chosen.selector,
                    "resourceVersion": str(listed["metadata"]["resourceVersion"]),
                }
                self._look(query)
            time.sleep(AGAIN_SECONDS)

    def _look(self, query: dict[str, str]) -> None:
        try:
            for line in lines(self._connection, self._wanted.pods.path, query, STREAM_SECONDS):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                pod = event["object"]
                uid = str(pod["metadata"]["uid"])
                others = {key: value for key, value in self._pods.items() if key != uid}
                self._are(others if event["type"] == "DELETED" else {**others, uid: pod})
        except Refusal as refusal:
            if refusal.code not in LOST:
                raise PlaygroundError(not_allowed(self._wanted.pods, "watch", "pods", refusal)) from refusal

    def _are(self, pods: dict[str, Pod]) -> None:
        with self._changed:
            self._pods = pods
            self._changed.notify_all()
        for uid, pod in pods.items():
            for name in containers.to_read(pod, self._wanted.container):
                self._begin(Followed(uid, Source(name_of(pod), name)))

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
        before, whole = State(), False
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

    def _replaced(self, one: Followed, memory: Remembered, before: State, now: State) -> bool:
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
        with self._passing() as passing:
            begin = memory.begin(time.monotonic())
            asked = {**query, "sinceTime": since(begin)} if begin else query
            log = read(self._connection, self._wanted.pods, one.source, asked, seconds)
            for line in memory.new(log):
                self._found.put(line)
        return not passing.failed

    def _state(self, one: Followed) -> State | None:
        """As the API server tells it now; None when the pod is gone."""
        path = self._wanted.pods.pod_path(one.source.pod)
        while True:
            with self._passing():
                try:
                    pod = self._connection.get(path)
                except Refusal as refusal:
                    told = not_allowed(self._wanted.pods, "get", "pods", refusal)
                    raise PlaygroundError(told) from refusal
                self._answered()
                if pod is None or pod["metadata"]["uid"] != one.uid:
                    return None
                return containers.state(pod, one.source.container)
            time.sleep(AGAIN_SECONDS)

    def _until_it_changes(self, one: Followed, now: State) -> None:
        def changed() -> bool:
            pod = self._pods.get(one.uid)
            return pod is None or containers.state(pod, one.source.container) != now

        with self._changed:
            self._changed.wait_for(changed, LOOK_SECONDS)

    def _passing(self) -> _Passing:
        return _Passing(self._no_answer)

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


class _Passing:
    """What may pass ends the block and is told; the rest is raised."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self.failed = False

    def __enter__(self) -> _Passing:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, PlaygroundError) and error.finding.kind is FindingKind.TRANSIENT:
            self.failed = True
            self._tell(error.finding.observed)
        return self.failed
