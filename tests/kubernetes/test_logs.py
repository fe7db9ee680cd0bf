"""Logs of real pods: all that was logged, once, whatever happens meanwhile."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from playground_ops.core.errors import BadInput, FindingKind, PlaygroundError
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import Selection
from playground_ops.targets.kubernetes.logs.reading import Wanted, last_lines, lines_before
from tests.asking import eventually
from tests.cluster import faults
from tests.cluster.access import Access
from tests.cluster.cluster import Cluster
from tests.cluster.images import dagster
from tests.cluster.pods import RESTRICTED, SLEEP, a_pod, ready
from tests.kubernetes import echo
from tests.kubernetes.conftest import CONTEXT
from tests.kubernetes.talking import Reader, nothing_lost_or_doubled, starts, talking
from tests.session.deadlines import stretched


def say(text: str, then: str = "") -> tuple[str, ...]:
    return ("python", "-c", f"import time\nprint({text!r}, flush=True)\n{then or 'time.sleep(3600)'}")


def an_init(name: str, *command: str) -> dict[str, Any]:
    return {
        "name": name,
        "image": dagster.name(),
        "imagePullPolicy": "IfNotPresent",
        "command": list(command),
        "securityContext": {**RESTRICTED, "runAsUser": 10001},
    }


def labelled(pod: dict[str, Any], **labels: str) -> dict[str, Any]:
    pod["metadata"]["labels"] |= labels
    return pod


def spoken(access: Access, namespace: str, *names: str) -> None:
    """Wait for a first line: a ready pod has started, but Python needs a little longer."""
    for name in names:
        ready(access, namespace, name)
        eventually(f"a line of {name}", lambda: access.kubectl("logs", name, namespace=namespace))  # noqa: B023


@pytest.fixture
def reading(connection: Connection) -> Iterator[Callable[[Wanted], Reader]]:
    readers = []

    def start(wanted: Wanted) -> Reader:
        readers.append(Reader(connection, wanted))
        return readers[-1]

    yield start
    for reader in readers:
        reader.end()


def test_a_containers_restart(
    cluster: Cluster, access: Access, namespace: str, reading: Callable[[Wanted], Reader]
) -> None:
    talking(access, namespace)
    reader = reading(Wanted(Selection(namespace, "app=talks")))
    with nothing_lost_or_doubled(access, namespace, "talks", reader):
        for restarts in (1, 2):
            faults.kill_container(cluster, ready(access, namespace, "talks"))
            eventually("a restart", lambda: len(starts(reader.texts())) == restarts + 1, every_seconds=0.1)  # noqa: B023
            ready(access, namespace, "talks")
    assert "talks/main was restarted." in reader.told


def test_pods_that_come_later(
    access: Access, namespace: str, reading: Callable[[Wanted], Reader], connection: Connection
) -> None:
    access.apply(labelled(a_pod("first", *say("first")), of="both"), namespace=namespace)
    ready(access, namespace, "first")
    reader = reading(Wanted(Selection(namespace, "of=both")))
    reader.reads("first")
    access.apply(labelled(a_pod("second", *say("second")), of="both"), namespace=namespace)
    reader.reads("second")
    assert reader.told == ["Following second/main."]
    access.kubectl("delete", "pod", "first", namespace=namespace)
    access.apply(labelled(a_pod("first", *say("another")), of="both"), namespace=namespace)
    reader.reads("another")
    assert sorted(reader.texts()) == ["another", "first", "second"]


def test_init_containers_until_the_others_start(
    access: Access, namespace: str, reading: Callable[[Wanted], Reader], connection: Connection
) -> None:
    init = an_init("git-sync", *say("fetching", "time.sleep(4)"))
    access.apply(a_pod("starts", *say("serving"), initContainers=[init]), namespace=namespace)
    wanted = Wanted(Selection(namespace, "app=starts"))
    reader = reading(wanted)
    reader.reads("fetching")
    with pytest.raises(PlaygroundError) as caught:
        list(last_lines(connection, Wanted(wanted.pods, "main"), 10, print))
    assert "waits for its init container git-sync" in caught.value.finding.observed
    reader.reads("serving")
    assert reader.texts() == ["fetching", "serving"]
    assert texts(connection, wanted) == ["serving"]
    assert texts(connection, Wanted(wanted.pods, "git-sync")) == ["fetching"]


def texts(connection: Connection, wanted: Wanted, count: int = 10) -> list[str]:
    return [line.text for line in last_lines(connection, wanted, count, print)]


def test_previous_and_crashed_containers(connection: Connection, access: Access, namespace: str) -> None:
    crash = say("token=hunter2 is wrong", "raise SystemExit(3)")
    access.apply(a_pod("crashes", *crash, restartPolicy="Always"), namespace=namespace)
    wanted = Wanted(Selection(namespace, "app=crashes"))
    eventually("a restart", lambda: access.pod(namespace, "crashes").restarts, every_seconds=0.1)
    assert [line.text for line in lines_before(connection, wanted, 10)] == ["token=*** is wrong"]
    assert texts(connection, wanted) == ["token=*** is wrong"]
    access.apply(a_pod("lives", *say("up")), namespace=namespace)
    ready(access, namespace, "lives")
    with pytest.raises(PlaygroundError, match="no previous log"):
        list(lines_before(connection, Wanted(Selection(namespace, "app=lives")), 10))


def test_a_right_that_is_missing_is_named(access: Access, namespace: str, stranger: Connection) -> None:
    access.apply(a_pod("up", *say("up")), namespace=namespace)
    ready(access, namespace, "up")
    with pytest.raises(PlaygroundError) as caught:
        texts(stranger, Wanted(Selection(namespace, "app=up")))
    assert caught.value.finding.fix == f"It takes the right to get pods/log in the namespace {namespace}."
    assert caught.value.finding.kind is FindingKind.CERTAIN


def test_why_there_is_nothing_to_read(connection: Connection, access: Access, namespace: str) -> None:
    with pytest.raises(PlaygroundError) as caught:
        texts(connection, Wanted(Selection(namespace, "app=nosuch")))
    assert caught.value.finding.observed == f"No pod in the namespace {namespace} matches."
    access.apply(
        a_pod("up", *say("up")), a_pod("far", *SLEEP, nodeSelector={"disk": "none"}), namespace=namespace
    )
    spoken(access, namespace, "up")
    with pytest.raises(BadInput) as unknown:
        texts(connection, Wanted(Selection(namespace, "app=up"), "git-sync"))
    assert unknown.value.finding.cause == "The pods have: main."

    def unschedulable() -> bool:
        with pytest.raises(PlaygroundError) as caught:
            texts(connection, Wanted(Selection(namespace, "app=far")))
        return "No node is one that the pod may run on" in caught.value.finding.cause

    eventually("it to be unschedulable", unschedulable, every_seconds=0.2)
    told: list[str] = []
    both = Wanted(Selection(namespace, "app in (up, far)"))
    assert [line.text for line in last_lines(connection, both, 10, told.append)] == ["up"]
    assert "No node is one" in told[0]
    with pytest.raises(PlaygroundError, match="Mend the selector"):
        texts(connection, Wanted(Selection(namespace, "app in up")))


@pytest.fixture
def command(access: Access, namespace: str, tmp_path: Path) -> Callable[..., list[str]]:
    file = tmp_path / "configvalues.yaml"
    context = access.context or CONTEXT
    file.write_text(f"target: kubernetes\nkubernetes: {{namespace: {namespace}, context: {context}}}\n")

    def line(*given: str) -> list[str]:
        return [sys.executable, "-m", "playground_ops", *given, "--config", str(file)]

    return line


def test_the_command(access: Access, namespace: str, command: Callable[..., list[str]]) -> None:
    def a_release(number: int) -> dict[str, Any]:
        name = f"dagster-grpc-a-{number}"
        pod = a_pod(name, *say(f"serves {number}"), initContainers=[an_init("git-sync", "echo", "synced")])
        release = {"playground.dagster/release": str(number)}
        return labelled(pod, app="dagster-grpc-a", **release)

    access.apply(a_release(1), a_release(2), namespace=namespace)
    spoken(access, namespace, "dagster-grpc-a-1", "dagster-grpc-a-2")

    def told(*given: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*given),
            env=access.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=stretched(60),
        )

    both = told("logs", "a")
    assert sorted(both.stdout.splitlines()) == [
        "dagster-grpc-a-1/main serves 1",
        "dagster-grpc-a-2/main serves 2",
    ], both.stderr
    assert told("logs", "a-2").stdout == "serves 2\n"
    assert told("logs", "-l", "app=dagster-grpc-a", "-c", "git-sync", "-n", "1").stdout.count("synced") == 2
    assert '"serves 2"' in told("logs", "a-2", "--json").stdout
    assert told("logs", "c").returncode == 2
    assert told("logs", "daemon").returncode == 1
    first = ("logs", "follow", "-l", "app=dagster-grpc-a", "-c", "git-sync")
    with subprocess.Popen(command(*first), env=access.environ, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert {running.stdout.readline().split()[-1] for _ in range(2)} == {"synced"}
        running.send_signal(2)
        assert running.wait(20) == 130


def test_the_ui_command(access: Access, namespace: str, command: Callable[..., list[str]]) -> None:
    from urllib.request import urlopen

    access.apply(echo.deployment("dagster-webserver"), namespace=namespace)
    access.kubectl("rollout", "status", "deployment/dagster-webserver", namespace=namespace)
    running = subprocess.Popen(
        command("ui", "--no-browser"),
        env=access.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with running:
        assert running.stdout is not None and running.stderr is not None
        with urlopen(running.stdout.readline().strip(), timeout=stretched(20)) as answer:
            assert answer.read().startswith(b"dagster-webserver-")
        running.send_signal(2)
        assert running.wait(20) == 130
        said = running.stderr.read().splitlines()
    assert said[0].startswith("Connected to pod/dagster-webserver-")
    assert said[1:] == ["Forwarding until Ctrl-C."]
