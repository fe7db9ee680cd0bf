"""Commands in containers: every byte both ways, exit codes, and failures explained."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator

import pytest

from playground_ops.core.errors import FindingKind, PlaygroundError
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.outside.executing import (
    Ended,
    Place,
    draining,
    execute,
    failed,
    output,
)
from tests.cluster import faults
from tests.cluster.access import Access
from tests.cluster.cluster import Cluster
from tests.cluster.pods import SLEEP, a_pod, ready

MANY = 50 * 1024 * 1024


@pytest.fixture
def place(access: Access, namespace: str) -> Place:
    access.apply(a_pod("up", *SLEEP), namespace=namespace)
    ready(access, namespace, "up")
    return Place(namespace, "up", "main")


def noise() -> Iterator[bytes]:
    """Yield every byte value, in pieces of odd lengths; the same every time."""
    source, left = random.Random(1), MANY
    while left:
        piece = source.randbytes(min(left, 1_000_003))
        left -= len(piece)
        yield piece


def test_fifty_megabytes_go_there_and_come_back(connection: Connection, place: Place) -> None:
    sent, came = hashlib.sha256(), hashlib.sha256()
    for piece in noise():
        sent.update(piece)
    assert execute(connection, place, ["cat"], came.update, noise()) == Ended(0, "")
    assert came.digest() == sent.digest()


def test_input_ends_and_the_command_learns_it(connection: Connection, place: Place) -> None:
    assert output(connection, place, ["wc", "-c"], b"12345").strip() == "5"
    assert output(connection, place, ["wc", "-c"]).strip() == "0"


def test_a_command_that_stops_reading_ends_with_its_own_code(connection: Connection, place: Place) -> None:
    said = bytearray()
    command = draining(["sh", "-c", "head -c 3; exit 3"])
    assert execute(connection, place, command, said.extend, noise()).code == 3
    assert len(said) == 3


def test_its_exit_code_and_its_last_words(connection: Connection, place: Place) -> None:
    script = "echo heard; echo password=hunter2 seen >&2; exit 7"
    heard = bytearray()
    ended = execute(connection, place, ["sh", "-c", script], heard.extend)
    assert (ended.code, ended.said, bytes(heard)) == (7, "password=*** seen", b"heard\n")
    with pytest.raises(PlaygroundError) as told:
        output(connection, place, ["sh", "-c", script])
    assert "exit code 7" in told.value.finding.observed


def test_what_can_not_be_run_is_told(connection: Connection, place: Place, namespace: str) -> None:
    with pytest.raises(PlaygroundError, match=r"no such file|not found"):
        output(connection, place, ["no-such-program"])
    with pytest.raises(Refusal) as refused:
        output(connection, Place(namespace, "nosuch", "main"), ["true"])
    assert (refused.value.code, refused.value.finding.object) == (404, "pod/nosuch/exec")


def test_whoever_hears_may_end_it(connection: Connection, place: Place) -> None:
    def full(piece: bytes) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        execute(connection, place, ["cat", "/dev/zero"], full)


def test_whoever_gives_may_end_it(connection: Connection, place: Place) -> None:
    def broken() -> Iterator[bytes]:
        yield b"some"
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        execute(connection, place, ["cat"], lambda piece: None, broken())


def test_a_pod_that_dies_under_it_is_told(
    cluster: Cluster, access: Access, connection: Connection, place: Place, namespace: str
) -> None:
    def kill(piece: bytes) -> None:
        faults.kill_container(cluster, access.pod(namespace, "up"))

    with pytest.raises(PlaygroundError) as told:
        ended = execute(connection, place, ["sh", "-c", "echo up; sleep 3600"], kill)
        raise PlaygroundError(failed(place, "sh", ended))
    finding = told.value.finding
    assert "broke" in finding.observed or "exit code 137" in finding.observed


def test_a_container_that_dies_with_input_on_its_way_is_told_and_is_no_success(
    cluster: Cluster, connection: Connection, access: Access, place: Place
) -> None:
    """As in a restore, nobody reads on, the connection is full, and no end of the command gets past it."""
    pod = access.pod(place.namespace, place.pod)

    def input_without_end() -> Iterator[bytes]:
        for number, piece in enumerate(noise()):
            if number == 8:
                faults.kill_container(cluster, pod)
            yield piece

    with pytest.raises(PlaygroundError) as told:
        execute(connection, place, ["sleep", "600"], lambda piece: None, input_without_end())
    assert told.value.finding.kind is FindingKind.TRANSIENT
    assert "before the command in it had ended" in told.value.finding.observed
