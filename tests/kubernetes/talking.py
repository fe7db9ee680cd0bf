"""A pod that logs all the time, and a reader of its log: nothing is lost and nothing comes twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.logs.following import follow
from playground_ops.targets.kubernetes.logs.lines import LogLine
from playground_ops.targets.kubernetes.logs.reading import Wanted
from tests.asking import eventually
from tests.cluster.access import Access, Pod
from tests.cluster.cluster import Cluster
from tests.cluster.pods import a_pod, ready

TALKS = """
import itertools, os, sys, time
names = f'{os.environ["HOSTNAME"]}.{time.time_ns()}'
before, after = open('/tmp/before', 'a', buffering=1), open('/tmp/after', 'a', buffering=1)
for number in itertools.count():
    line = f'{names}.{number}'
    before.write(line + '\\n')
    print(line, flush=True, file=(sys.stdout, sys.stderr)[number % 2])
    after.write(line + '\\n')
    time.sleep(0.005)
"""
"""Keeps its own record: of what it is about to say, and of what it has said."""


class Reader:
    """Follows the log in a thread."""

    def __init__(self, connection: Connection, wanted: Wanted) -> None:
        self.lines: list[LogLine] = []
        self.told: list[str] = []
        self._lines = follow(connection, wanted, 10_000, self.told.append)
        self._ended = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._lines:
            if self._ended:
                return
            self.lines.append(line)

    def texts(self) -> list[str]:
        return [line.text for line in self.lines]

    def reads(self, part: str) -> None:
        eventually(f"the line {part}", lambda: any(part in text for text in self.texts()), every_seconds=0.1)

    def end(self) -> None:
        self._ended = True


def record(access: Access, namespace: str, pod: str, name: str) -> set[str]:
    return set(access.kubectl("exec", pod, "--", "cat", f"/tmp/{name}", namespace=namespace).split())


@contextmanager
def nothing_lost_or_doubled(access: Access, namespace: str, pod: str, reader: Reader) -> Iterator[None]:
    yield
    said = record(access, namespace, pod, "after")
    read: list[str] = []

    def all_read() -> bool:
        read[:] = [text for text in reader.texts() if text.startswith(pod)]
        return said <= set(read)

    eventually("all that was said", all_read, 60, every_seconds=0.2)
    assert len(read) == len(set(read)), "a line came twice"
    assert set(read) <= record(access, namespace, pod, "before")


def starts(said: list[str]) -> set[str]:
    """Return the name of each start of the container."""
    return {text.rsplit(".", 1)[0] for text in said}


def talking(access: Access, namespace: str, name: str = "talks") -> None:
    access.apply(a_pod(name, "python", "-c", TALKS, restartPolicy="Always"), namespace=namespace)
    ready(access, namespace, name)


def said_on_the_node(cluster: Cluster, pod: Pod) -> list[str]:
    """Return its record, read without the API server."""
    node = cluster.node(pod.node)
    volume = f"{node.folder}/kubelet/pods/{pod.uid}/volumes/kubernetes.io~empty-dir/tmp"
    return node.machine.run("cat", f"{volume}/after").stdout.split()
