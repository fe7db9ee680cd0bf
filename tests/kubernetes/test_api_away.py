"""The API server goes away and comes back under long operations: each says so and goes on, or ends.

There is one outage for all of them: after it everything that watches the API takes up to a minute to come
back.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from playground_ops.config import read
from playground_ops.core.errors import FindingKind, PlaygroundError
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import Selection
from playground_ops.targets.kubernetes.api.streaming import lines
from playground_ops.targets.kubernetes.logs.reading import Wanted
from playground_ops.targets.kubernetes.objects.planning import plan_objects
from playground_ops.targets.kubernetes.outside.executing import Ended, Place, execute
from playground_ops.targets.kubernetes.outside.forward import Forward
from tests.asking import eventually
from tests.cluster import faults
from tests.cluster.access import Access
from tests.cluster.cluster import Cluster
from tests.cluster.pods import ready
from tests.kubernetes import echo
from tests.kubernetes.conftest import CONTEXT
from tests.kubernetes.talking import Reader, nothing_lost_or_doubled, said_on_the_node, starts, talking
from tests.kubernetes.test_forward import SELECTOR, Told, asked, the_ready
from tests.session.deadlines import stretched

LONG_SECONDS = 300.0


@contextmanager
def reading(connection: Connection, namespace: str, name: str) -> Iterator[Reader]:
    found = Reader(connection, Wanted(Selection(namespace, f"app={name}")))
    try:
        found.reads(".50")
        yield found
    finally:
        found.end()


def a_command(connection: Connection, namespace: str, pool: ThreadPoolExecutor) -> Future[Ended]:
    """Start a command that never ends by itself, and wait until it has begun."""
    begun = threading.Event()
    command = ["sh", "-c", "echo up; sleep 3600"]
    place = Place(namespace, "talks", "main")
    under_way = pool.submit(execute, connection, place, command, lambda piece: begun.set())
    assert begun.wait(stretched(30))
    return under_way


def a_watch(connection: Connection, namespace: str, pool: ThreadPoolExecutor) -> Future[int]:
    """Start a watch. Returns how many lines it received until it ended."""
    begun = threading.Event()

    def heard() -> int:
        number = 0
        for _ in lines(connection, maps(namespace), {"watch": "1"}, LONG_SECONDS):
            begun.set()
            number += 1
        return number

    under_way = pool.submit(heard)
    assert begun.wait(stretched(30))
    return under_way


def maps(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps"


def test_each_says_so_and_goes_on_or_ends(
    cluster: Cluster, connection: Connection, access: Access, namespace: str
) -> None:
    access.apply(echo.deployment("dagster-webserver"), namespace=namespace)
    for name in ("talks", "replaced"):
        talking(access, namespace, name)
    server = the_ready(access, namespace)
    replaced = ready(access, namespace, "replaced")
    told = Told()
    with (
        ThreadPoolExecutor(3) as pool,
        Forward(connection, Selection(namespace, SELECTOR), echo.PORT, told.append) as forward,
        reading(connection, namespace, "talks") as talks,
        reading(connection, namespace, "replaced") as other,
        nothing_lost_or_doubled(access, namespace, "talks", talks),
        nothing_lost_or_doubled(access, namespace, "replaced", other),
    ):
        watch = a_watch(connection, namespace, pool)
        command = a_command(connection, namespace, pool)
        with faults.api_down(cluster):
            waiting = pool.submit(asked, forward)
            eventually("the forward to tell it", lambda: told.said("No answer from the API server"))
            eventually("the readers to tell it", lambda: talks.told and other.told)
            assert watch.result(stretched(30)) > 0, "a watch ends"
            assert broken(command).finding.kind is FindingKind.TRANSIENT
            plan_is_refused(connection, namespace)
            with pytest.raises(PlaygroundError, match="No answer"):
                list(lines(connection, maps(namespace), {"watch": "1"}, 5))

            # A container that is replaced while nobody can observe it.
            count = len(said_on_the_node(cluster, replaced))
            eventually("it to go on", lambda: len(said_on_the_node(cluster, replaced)) > count + 100)
            faults.kill_container(cluster, replaced)
            eventually("another container", lambda: len(starts(said_on_the_node(cluster, replaced))) == 2)
            assert not waiting.done()
        assert waiting.result(stretched(60)).decode() == server.name
        count = len(talks.lines)
        eventually("the log to go on", lambda: len(talks.lines) > count + 100)
        eventually("both containers", lambda: len(starts(other.texts())) == 2)
    assert "No answer from the API server" in talks.told[0]
    assert talks.told[0].endswith("Trying again.")
    assert talks.told[1] == "It answers again."


def broken(command: Future[Ended]) -> PlaygroundError:
    with pytest.raises(PlaygroundError) as told:
        command.result(stretched(60))
    assert "broke" in told.value.finding.observed
    return told.value


def plan_is_refused(connection: Connection, namespace: str) -> None:
    with pytest.raises(PlaygroundError) as told:
        plan_objects(connection, read(f"kubernetes: {{namespace: {namespace}}}", Path("x.yaml")))
    assert told.value.finding.object == f"context/{CONTEXT}"
    assert told.value.finding.kind is FindingKind.TRANSIENT
