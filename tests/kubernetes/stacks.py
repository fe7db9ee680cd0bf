"""A real stack on the tests' cluster, driven as a person does: by the command line and the UI."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.client import HTTPException
from pathlib import Path
from typing import Any

from playground_ops.engine.planning import make_plan
from playground_ops.render.names import LOCATION, RELEASE
from playground_ops.targets.kubernetes.api.connection import Connection
from tests.asking import Asking, eventually
from tests.cluster.access import Access
from tests.cluster.plugin import SESSION_VARIABLE
from tests.kubernetes.connections import (
    CONTEXT,
    connected,
    namespaces_of,
    opened,
    remove_policies,
    status,
    webserver,
)
from tests.session.deadlines import stretched
from tests.session.times import started
from tests.stacks import QUICK, SELDOM

ROOT = Path(__file__).parents[2]
POD = {"resources": {"requests": {"cpu": "50m"}}}
"""Several stacks fit on a node of two processors with these requests; a remote job requests 100m."""
SMALL: dict[str, Any] = {
    "webserver": {"pod": POD},
    "daemon": {"pod": POD, "dequeue_interval_seconds": 2},
    "kubernetes": {"artifacts": "64Mi", "ops": POD},
    "postgres": {"storage": "512Mi", "pod": POD},
    "health": SELDOM,
    "rollout": QUICK,
    "code_locations": [{"name": "a"}, {"name": "b"}],
}
"""Volumes of the tests' cluster are in memory. A daemon that checks for queued runs each second uses half as
much again when it is idle: each time it reads the tables' structure."""


def small(namespace: str, **document: Any) -> dict[str, Any]:
    """Return a configuration; its sections override those that keep the stack small."""
    whole = {
        name: {**SMALL.get(name, {}), **section} if isinstance(section, dict) else section
        for name, section in {**SMALL, **document}.items()
    }
    whole["kubernetes"]["namespace"] = namespace
    whole["code_locations"] = [{"pod": POD, **location} for location in whole["code_locations"]]
    return whole


@dataclass(frozen=True)
class ClusterStack(Asking):
    access: Access
    namespace: str
    folder: Path
    cluster: dict[str, Any] = field(default_factory=dict)
    """Settings of the section `kubernetes` unless it is configured otherwise."""
    always: tuple[dict[str, Any], ...] = ()
    """Locations that it has besides those that it is configured with."""
    project: Path = ROOT
    """The clone of this project whose commands are used."""

    @property
    def config(self) -> Path:
        return self.folder / "configvalues.yaml"

    def configure(self, **document: Any) -> None:
        """Write the configuration file."""
        kubernetes = {**self.cluster, **document.pop("kubernetes", {})}
        named = {one["name"] for one in document.get("code_locations", ())}
        kept = [one for one in self.always if one["name"] not in named]
        document["code_locations"] = [*kept, *document.get("code_locations", SMALL["code_locations"])]
        whole = small(self.namespace, kubernetes=kubernetes, **document)
        self.config.write_text(json.dumps(whole, indent=1))

    def start(self, *arguments: str, module: str = "playground_ops") -> subprocess.Popen[str]:
        where = ["--target", "kubernetes", "--config", str(self.config)]
        if "--context" not in arguments:
            where += ["--context", self.access.context or CONTEXT]
        environ = {
            key: value for key, value in self.access.environ.items() if not key.startswith("PLAYGROUND_")
        }
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments, *where],
            cwd=self.project,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(
        self, *arguments: str, module: str = "playground_ops", timeout_seconds: float = 280
    ) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, module=module)
        try:
            out, err = process.communicate(timeout=stretched(timeout_seconds))
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"still running after {timeout_seconds:g} s: {out}{err}") from None
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def done(self, *arguments: str, module: str = "playground_ops") -> subprocess.CompletedProcess[str]:
        ended = self.run(*arguments, module=module)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended

    def ok(self, *arguments: str, module: str = "playground_ops") -> str:
        """Return its standard output, without its progress."""
        return self.done(*arguments, module=module).stdout

    def bootstrap(self) -> str:
        return self.ok(module="playground_ops.bootstrap")

    @cached_property
    def connection(self) -> Connection:
        return connected(self.access)

    def plan(self) -> dict[str, list[str]]:
        """Return the planned changes: the changed fields by object, or by location."""
        with opened(self.access, self.config) as found:
            plan = make_plan(found.engine, found.configuration)
        return {
            change.object or change.component: [field.path for field in change.fields]
            for change in plan.changes
            if change.action != "unchanged"
        }

    def status(self) -> dict[str, Any]:
        return status(self.access, self.config)

    def location(self, name: str) -> dict[str, Any]:
        return next(found for found in self.status()["locations"] if found["name"] == name)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.access.kubectl(*arguments, namespace=self.namespace, stdin=stdin)

    def namespace_of(self, location: str) -> str:
        """Return the namespace of an isolated location."""
        return f"{self.namespace}-{location}"

    def as_its_account(self, folder: Path) -> ClusterStack:
        """Return the same stack with the login of its pods' account, which is written to the folder."""
        token = self.kubectl("create", "token", "default").strip()
        written = self.access.kubectl("config", "view", "--raw", "--flatten", "--minify", "-o", "json")
        document = json.loads(written)
        document["users"][0]["user"] = {"token": token}
        (folder / "config").write_text(json.dumps(document))
        access = Access(self.access.program, str(folder / "config"), self.access.context)
        return ClusterStack(access, self.namespace, self.folder)

    def sql(self, statement: str, user: str = "dagster") -> str:
        """Return what psql answers in the Postgres pod."""
        psql = ["psql", "-XAtq", "-U", user, "-d", "dagster", "-c", statement]
        return self.kubectl("exec", "dagster-postgres-0", "--", *psql).strip()

    def get(self, kind: str, name: str = "") -> Any:
        return self.access.get(kind, name, self.namespace)

    def pods(self, component: str) -> list[dict[str, Any]]:
        """Return the pods of a component that are not being deleted, oldest first."""
        selector = f"app.kubernetes.io/component={component}"
        path = f"/api/v1/namespaces/{self.namespace}/pods"
        found = self.connection.request("GET", path, query={"labelSelector": selector})["items"]
        alive = [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
        return sorted(alive, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))

    def uids(self, component: str) -> set[str]:
        """Return the uids of the pods that `pods` returns."""
        return {str(pod["metadata"]["uid"]) for pod in self.pods(component)}

    def servers(self, location: str, release: int | None = None) -> list[dict[str, Any]]:
        """Return the pods of a location, or of one release of it, as `pods` does."""
        mine = {LOCATION: location} | ({RELEASE: str(release)} if release is not None else {})
        return [pod for pod in self.pods("location") if mine.items() <= pod["metadata"]["labels"].items()]

    def graphql(self, query: str, **variables: Any) -> Any:
        """Repeat a query, as a person reloads the page, while the database is away."""
        if query.lstrip().startswith("mutation"):
            return super().graphql(query, **variables)

        def answer() -> Any:
            try:
                return [super(ClusterStack, self).graphql(query, **variables)]
            except (OSError, HTTPException):
                return None

        return eventually("the webserver to answer", answer)[0]

    @property
    def ui(self) -> str:
        return webserver(self.connection, self.namespace)


@contextmanager
def a_cluster_stack(access: Access, folder: Path, **more: Any) -> Iterator[ClusterStack]:
    """Yield a stack in a namespace of its own, which is deleted afterwards; nothing is deployed in it yet."""
    namespace = access.make_namespace(os.environ[SESSION_VARIABLE])
    started("stacks on the cluster")
    try:
        yield ClusterStack(access, namespace, folder, **more)
    finally:
        remove_policies(access, namespace)
        for one in (namespace, *namespaces_of(access, namespace)):
            access.delete_namespace(one, wait=False)
