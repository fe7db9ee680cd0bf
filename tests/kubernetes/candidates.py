"""A namespace in which candidates are tried without a stack, and what the cluster knew of them."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from playground_ops.config import Configuration, read
from playground_ops.core.clock import SystemClock
from playground_ops.core.errors import Finding, FindingKind, PlaygroundError
from playground_ops.core.model import Location, Observation, Release, ReleaseState, Revision, ServerStatus
from playground_ops.core.pod_settings import PodSettings, Resources
from playground_ops.core.progress import SilentProgress
from playground_ops.engine.context import Engine, Request, Timeouts
from playground_ops.engine.rollout import roll_out
from playground_ops.render.stack import render
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.streaming import lines
from playground_ops.targets.kubernetes.target import KubernetesTarget
from tests.asking import eventually
from tests.cluster.access import Access, KubectlFailed
from tests.cluster.gitservers import SshAccess, anonymous, by_password, by_ssh
from tests.cluster.plugin import SESSION_VARIABLE
from tests.cluster.pods import a_pod
from tests.kubernetes.connections import connected
from tests.kubernetes.stacks import small
from tests.pipelines import Pipeline, pipeline
from tests.recorded import FOLDER, Listening, Recording
from tests.stacks import ROOT

TIMEOUTS = Timeouts(transient=20.0, capacity=8.0)
REGISTRY_PORT = 5077
REGISTRY = f"""
import http.server
class Registry(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        private = "private" in self.path or self.path == "/v2/"
        self.send_response(401 if private else 404)
        if private:
            self.send_header("WWW-Authenticate", 'Basic realm="registry"')
        self.send_header("Content-Length", "0")
        self.end_headers()
    do_HEAD = do_GET
http.server.HTTPServer(("127.0.0.1", {REGISTRY_PORT}), Registry).serve_forever()
"""
"""A registry without any image; the image that is called private may not be seen by anybody."""


@dataclass
class Case:
    name: str
    kind: FindingKind
    whose: str
    said: str
    """Part of the sentence or the evidence."""
    code: str = ""
    pod: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    commit: str = ""
    own_seconds: float = 0.0
    """Seconds of the location's own startup timeout, which is all that ends such a case."""


@dataclass
class Ended:
    finding: Finding
    seconds: float
    """Seconds since the cluster knew; since the beginning where it did not."""
    took: float
    """Seconds from the beginning until it was reported."""
    rejected: bool
    left: list[Release]


class Known:
    """When the API server first reported what is wrong with each location. Watched beside the product."""

    def __init__(self, connection: Connection, namespace: str) -> None:
        self._told: dict[str, list[tuple[float, str]]] = defaultdict(list)
        self._connection, self._over = connection, threading.Event()
        self._folders = [
            f"/api/v1/namespaces/{namespace}/pods",
            f"/api/v1/namespaces/{namespace}/events",
            f"/apis/apps/v1/namespaces/{namespace}/deployments",
        ]

    def __enter__(self) -> Known:
        for folder in self._folders:
            threading.Thread(target=self._watch, args=(folder,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def since(self, name: str, observed: str) -> float | None:
        """Return when the observed reason was first seen: others, such as a late cache, may have passed."""
        told = self._told[name]
        same = [at for at, reason in told if observed.startswith(reason)]
        ended = [at for at, reason in told if reason == ENDED]
        return min(same or ended or [at for at, _ in told], default=None)

    def _watch(self, folder: str) -> None:
        while not self._over.is_set():
            for line in lines(self._connection, folder, {"watch": "1"}, 30.0):
                found = json.loads(line)["object"]
                about = found.get("involvedObject") or found.get("metadata", {})
                name = str(about.get("name", "")).removeprefix("dagster-grpc-").partition("-1")[0]
                self._told[name] += [(time.monotonic(), reason) for reason in wrong(found)]


ENDED = "it ended"
ORDINARY = ("PodInitializing", "ContainerCreating")


def wrong(found: dict[str, Any]) -> Iterator[str]:
    """Yield the reasons that an object names for not being well."""
    if found["kind"] == "Event":
        if found.get("type") == "Warning" and found["reason"] in ("FailedMount", "FailedScheduling"):
            yield {"FailedScheduling": "Unschedulable"}.get(found["reason"], found["reason"])
        return
    status = found.get("status", {})
    for one in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        for state in (one.get("state", {}), one.get("lastState", {})):
            if (ended := state.get("terminated")) and (ended["exitCode"] or one["name"] == "dagster-grpc"):
                yield ended.get("reason") or ENDED
                yield ENDED
            if (reason := state.get("waiting", {}).get("reason", ORDINARY[0])) not in ORDINARY:
                yield reason
    for one in status.get("conditions", ()):
        if (one["type"], one["status"]) == ("ReplicaFailure", "True"):
            yield "Its pod can't be made"
        if (one["type"], one["status"]) == ("PodScheduled", "False"):
            yield "Unschedulable"


class Telling(SilentProgress):
    def __init__(self, told_at: list[float]) -> None:
        self._told_at = told_at

    def say(self, message: str) -> None:
        if message.startswith("it fails"):
            self._told_at.append(time.monotonic())


EVIDENCE_LINES = 40


class Recorded(KubernetesTarget):
    """Keeps what the API server answered at each observation of a candidate that is not ready."""

    last: Recording | None = None

    def observe(self, release: Release) -> Observation:
        assert isinstance(self.connection, Listening)
        self.connection.heard.clear()
        seen = super().observe(release)
        if seen.status is not ServerStatus.READY and seen.finding is not None:
            super().tail(release, EVIDENCE_LINES)
            about = {"release": release.model_dump(mode="json"), "namespace": self.namespace}
            self.last = self.connection.recording(**about)
        if seen.status is ServerStatus.READY:
            self.last = None  # no pod has reported what is wrong with it
        return seen


@dataclass
class Place:
    access: Access
    connection: Connection
    namespace: str
    configuration: Configuration
    code: Pipeline
    urls: dict[str, str]

    def location(self, case: Case) -> Location:
        more = dict(case.more)
        if more.get("repository") in ("HTTP", "SSH"):
            more["repository"] = self.urls[str(more["repository"])]
        pod = {"resources": Resources(requests={"cpu": "10m"}), **case.pod}
        if pod.get("priority_class") == "QUOTA":
            pod["priority_class"] = self.namespace
        given = {"repository": self.urls["GIT"], "module": "pipeline", "startup_timeout_seconds": 170, **more}
        return Location(name=case.name, pod=PodSettings(**pod), **given)  # type: ignore[arg-type]

    def record(self, case: Case, commit: str, known: Known) -> Ended:
        """Fail the case, and keep what the API server answered, for the tests that have no cluster."""
        target = Recorded(Listening(self.connection), self.configuration, ROOT, home=Path("/nowhere"))
        ended = self.fail(case, commit, known, target)
        if target.last is not None:
            target.last.write(FOLDER / "candidates" / f"{case.name}.json")
        return ended

    def fail(self, case: Case, commit: str, known: Known, target: KubernetesTarget | None = None) -> Ended:
        location = self.location(case)
        target = target or KubernetesTarget(self.connection, self.configuration, ROOT, home=Path("/nowhere"))
        told_at: list[float] = []
        engine = Engine(target, Telling(told_at), SystemClock(), TIMEOUTS)
        revision = Revision(repository=location.repository, commit=commit)
        request = Request(location=location, configuration="c", by="a test", revision=revision)
        began = time.monotonic()
        with pytest.raises(PlaygroundError) as told:
            roll_out(engine, request)
        assert told_at, f"{case.name} was not even tried: {told.value.finding.sentence()}"
        seconds = told_at[-1] - (known.since(case.name, told.value.finding.observed) or began)
        record = target.records(case.name)[-1]
        assert record.finding == told.value.finding
        left = [one.release for one in target.releases(case.name) if one.state is not ReleaseState.DRAINING]
        return Ended(told.value.finding, seconds, told_at[-1] - began, told.value.finding.rejects, left)


@contextmanager
def a_place(access: Access, folder: Path) -> Iterator[Place]:
    """Yield a namespace with what candidates need and nothing else of a stack."""
    code = pipeline(folder / "code" / "repository")
    (folder / "ssh").mkdir()
    code.commit("first")
    namespace = access.make_namespace(os.environ[SESSION_VARIABLE])
    with ExitStack() as kept:
        kept.callback(access.delete_namespace, namespace, wait=False)
        kept.callback(access.kubectl, "delete", "priorityclass", namespace, "--ignore-not-found")
        configuration = read(json.dumps(small(namespace, code_locations=[])), Path("x.yaml"))
        ssh = kept.enter_context(by_ssh(code.folder.parent, folder / "ssh"))
        urls = {
            "GIT": f"{kept.enter_context(anonymous(code.folder.parent))}/{code.folder.name}",
            "HTTP": f"{kept.enter_context(by_password(code.folder.parent))}/{code.folder.name}",
            "SSH": f"{ssh.url}/{code.folder.name}",
        }
        furnish(access, namespace, configuration, ssh)
        yield Place(access, connected(access), namespace, configuration, code, urls)


def answers(access: Access, namespace: str) -> bool:
    """Return whether the registry answers: an earlier pull would be tried again only ten seconds later."""
    look = f"import socket; socket.create_connection(('127.0.0.1', {REGISTRY_PORT}), 1).close()"
    try:
        access.kubectl("exec", "registry", "--", "python", "-c", look, namespace=namespace)
    except KubectlFailed:
        return False
    return True


def furnish(access: Access, namespace: str, configuration: Configuration, ssh: SshAccess) -> None:
    every = [one for found in render(configuration).values() for one in found]
    needed = [one for one in every if one["kind"] in ("PersistentVolumeClaim", "StatefulSet")]
    needed += [
        one for one in every if (one["kind"], one["metadata"]["name"]) == ("Service", "dagster-postgres")
    ]
    access.apply(*needed, namespace=namespace)
    for name, values in (
        ("dagster-postgres", {"password": "x"}),
        ("bad-password", {"username": "reader", "password": "wrong"}),
        ("bad-hosts", {"ssh": ssh.key, "known_hosts": "elsewhere.test ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA"}),
        ("bad-key", {"ssh": ssh.stranger, "known_hosts": ssh.known_hosts}),
    ):
        given = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}
        access.apply(given, namespace=namespace)
    login = ("--docker-server", f"localhost:{REGISTRY_PORT}", "--docker-username=a", "--docker-password=b")
    access.kubectl("create", "secret", "docker-registry", "wrong", *login, namespace=namespace)
    access.kubectl("create", "priorityclass", namespace, "--value=1")
    unbound = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "nosuch",
        "resources": {"requests": {"storage": "1Mi"}},
    }
    scope = {"matchExpressions": [{"operator": "In", "scopeName": "PriorityClass", "values": [namespace]}]}
    registry = a_pod("registry", "python", "-c", REGISTRY)
    registry["spec"]["hostNetwork"] = True
    access.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "unbound"},
            "spec": unbound,
        },
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "none"},
            "spec": {"hard": {"pods": "0"}, "scopeSelector": scope},
        },
        registry,
        namespace=namespace,
    )
    eventually("the registry to answer", lambda: answers(access, namespace), every_seconds=0.5)
    eventually("the database", lambda: access.pod(namespace, "dagster-postgres-0").ready)
    access.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
