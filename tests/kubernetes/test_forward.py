"""A port of this machine that leads to a pod's: many connections, big bodies, pods that come and go."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.request import Request, urlopen

import pytest

from playground_ops.core.errors import BadInput, FindingKind, PlaygroundError
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import Selection
from playground_ops.targets.kubernetes.outside.forward import Forward
from tests.asking import eventually
from tests.cluster.access import Access, Pod
from tests.cluster.pods import SLEEP, a_pod, ready
from tests.kubernetes import echo
from tests.session.deadlines import stretched
from tests.stacks import free_port

APP = "dagster-webserver"
SELECTOR = f"app={APP}"
MANY = 40
BIG_BYTES = 24 << 20


class Told(list[str]):
    """The messages of a forward."""

    def said(self, part: str) -> bool:
        return any(part in line for line in self)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def server(access: Access, namespace: str) -> Pod:
    access.apply(echo.deployment(APP), namespace=namespace)
    return the_ready(access, namespace)


@pytest.fixture
def forward(connection: Connection, server: Pod, told: Told) -> Iterator[Forward]:
    with Forward(connection, Selection(server.namespace, SELECTOR), echo.PORT, told.append) as found:
        yield found


def the_ready(access: Access, namespace: str, other_than: str = "") -> Pod:
    def found() -> Pod | None:
        pods = access.pods(namespace, SELECTOR)
        return next((pod for pod in pods if pod.ready and pod.name != other_than), None)

    pod = eventually("a ready pod", found, every_seconds=0.1)
    assert isinstance(pod, Pod)
    return pod


def asked(forward: Forward, body: bytes | None = None) -> bytes:
    with urlopen(Request(f"http://{forward.address}/", body), timeout=stretched(60)) as answer:
        return bytes(answer.read())


def test_many_connections_at_once(forward: Forward, server: Pod) -> None:
    together = threading.Barrier(MANY, timeout=stretched(60))

    def ask(number: int) -> bytes:
        together.wait()
        return asked(forward, f"{number}\n".encode() * 1000)

    with ThreadPoolExecutor(MANY) as pool:
        assert list(pool.map(ask, range(MANY))) == [f"{number}\n".encode() * 1000 for number in range(MANY)]
    assert asked(forward).decode() == server.name


def test_big_bodies_both_ways_at_once(forward: Forward) -> None:
    body = os.urandom(BIG_BYTES)
    assert hashlib.sha256(asked(forward, body)).digest() == hashlib.sha256(body).digest()


def test_it_goes_on_over_the_pods_replacement(
    forward: Forward, server: Pod, access: Access, told: Told
) -> None:
    assert asked(forward).decode() == server.name
    access.kubectl("delete", "pod", server.name, "--wait=false", namespace=server.namespace)
    name = asked(forward).decode()  # it waits until the next one is ready
    assert name != server.name
    assert name == the_ready(access, server.namespace, server.name).name
    assert told[0] == f"Connected to pod/{server.name}."
    assert told.said("Waiting. pod/")
    assert told[-1] == f"Connected to pod/{name}."


def test_a_client_that_leaves_and_one_that_says_nothing_harm_nobody(forward: Forward, server: Pod) -> None:
    host, port = "127.0.0.1", forward.port
    with socket.create_connection((host, port)) as leaves:
        leaves.sendall(b"GET / HT")
    with socket.create_connection((host, port)):
        assert asked(forward).decode() == server.name


def test_who_has_said_all_still_hears_the_answer(forward: Forward, server: Pod) -> None:
    with socket.create_connection(("127.0.0.1", forward.port)) as asks:
        asks.sendall(b"GET / HTTP/1.0\r\n\r\n")
        asks.shutdown(socket.SHUT_WR)
        heard = b"".join(iter(lambda: asks.recv(65536), b""))
    assert heard.endswith(server.name.encode())


def test_a_taken_port_is_named(connection: Connection, server: Pod, told: Told) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(BadInput, match=f"port/{port}: 127.0.0.1:{port} can't be listened on"):
            Forward(connection, Selection(server.namespace, SELECTOR), echo.PORT, told.append, port)
    free = free_port()
    with Forward(connection, Selection(server.namespace, SELECTOR), echo.PORT, told.append, free) as found:
        assert found.port == free
        assert asked(found).decode() == server.name


def refusal(connection: Connection, namespace: str, selector: str = SELECTOR) -> PlaygroundError:
    with pytest.raises(PlaygroundError) as caught:
        Forward(connection, Selection(namespace, selector), echo.PORT, lambda _: None).__enter__()
    return caught.value


def test_no_pod_and_no_namespace_are_told_apart(
    connection: Connection, access: Access, namespace: str
) -> None:
    finding = refusal(connection, namespace).finding
    assert (finding.object, finding.kind) == (f"pods/{SELECTOR}", FindingKind.CERTAIN)
    assert "no pods of a component at all" in finding.cause
    access.apply(a_pod("other", *SLEEP), namespace=namespace)
    assert "app=other" in refusal(connection, namespace).finding.cause
    assert "has no such namespace" in refusal(connection, "nosuch").finding.cause


def test_a_pod_that_is_not_ready_says_why(connection: Connection, access: Access, namespace: str) -> None:
    access.apply(a_pod("broken", "python", "-m", "debugpy", restartPolicy="Always"), namespace=namespace)
    eventually("it to end", lambda: access.pod(namespace, "broken").restarts, every_seconds=0.2)
    found = eventually(
        "its own words",
        lambda: "No module named debugpy" in str(refusal(connection, namespace, "app=broken")),
        every_seconds=0.3,
    )
    assert found
    access.apply(a_pod("far", *SLEEP, nodeSelector={"disk": "none"}), namespace=namespace)
    eventually(
        "it to be unschedulable",
        lambda: "No node is one" in str(refusal(connection, namespace, "app=far")),
        every_seconds=0.2,
    )


def test_a_port_that_nobody_listens_on_is_told(
    connection: Connection, access: Access, namespace: str, told: Told
) -> None:
    access.apply(a_pod("deaf", *SLEEP), namespace=namespace)
    ready(access, namespace, "deaf")
    with Forward(connection, Selection(namespace, "app=deaf"), echo.PORT, told.append) as found:
        with pytest.raises(OSError):
            asked(found)
        eventually("it to be told", lambda: told.said("The pod broke a connection:"))
    assert told.said("onnection refused") or told.said("failed to connect")


def test_a_right_that_is_missing_is_named(stranger: Connection, server: Pod) -> None:
    finding = refusal(stranger, server.namespace).finding
    assert "Refused with 403" in finding.observed
    assert finding.fix == (
        f"It takes the right to get and create pods/portforward in the namespace {server.namespace}."
    )
    assert "right to list pods in the namespace default" in refusal(stranger, "default").finding.fix


def test_a_login_by_a_plugin_works_too(by_plugin: Connection, server: Pod, told: Told) -> None:
    with Forward(by_plugin, Selection(server.namespace, SELECTOR), echo.PORT, told.append) as found:
        assert asked(found).decode() == server.name
