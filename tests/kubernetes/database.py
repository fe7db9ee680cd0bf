"""A stack on the cluster for tests that lose the database, restore it, or change its passwords.

Its locations are there from the start, as those of the pool: `a`, from a private repository, and `orders`, in
a namespace of its own and with a database of its own.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2

from tests import asking
from tests.asking import eventually
from tests.cluster import gitservers
from tests.cluster.access import Access, KubectlFailed
from tests.kubernetes.fromgit import FromGit
from tests.kubernetes.stacks import ClusterStack, a_cluster_stack
from tests.pipelines import pipeline

A, APART = "a", "orders"
PRIVATE = "private"
"""The Secret that `a` is fetched with, and that the webserver reads."""
CODE = """\
import os

import dagster as dg
import psycopg2


@dg.asset
def {asset}() -> None: ...


@dg.op
def write() -> None:
    with psycopg2.connect(os.environ["PLAYGROUND_DATABASE_URL"]) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS seen (asset text)")
        cursor.execute("INSERT INTO seen VALUES ('{asset}')")


@dg.job
def writing() -> None:
    write()


defs = dg.Definitions(assets=[{asset}], jobs=[writing], executor=dg.in_process_executor)
"""
"""The code of `orders`."""
ISOLATION = {"quota": {"pods": "6", "limits.memory": "8Gi"}, "database": True}


class DatabaseStack(FromGit):
    def __init__(self, access: Access, folder: Path) -> None:
        super().__init__(access, folder)
        self._locations: list[dict[str, Any]] = []

    def whole(self) -> ClusterStack:
        """Return the stack as it was at first, whatever an earlier file configured."""
        self.made()
        with self.having(*self._locations, **_sections()) as stack:
            return stack

    @contextmanager
    def to_be_deployed(self, folder: Path) -> Iterator[ClusterStack]:
        pipeline(self.code(A).folder).commit("first")
        pipeline(self.code(APART).folder).commit_text(CODE.format(asset="prices"), "Prices")
        with (
            gitservers.by_password(self.repositories) as url,
            a_cluster_stack(self.access, folder) as made,
        ):
            self._locations = [
                _location(A, url, PRIVATE),
                {**_location(APART, url, f"{APART}-git"), "isolation": ISOLATION},
            ]
            made.configure(code_locations=self._locations, **_sections())
            (folder / "token").write_text(gitservers.PASSWORD)
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": PRIVATE}}
            content = {"username": gitservers.USER, "password": gitservers.PASSWORD}
            self.access.apply({**secret, "stringData": content}, namespace=made.namespace)
            token = ("--username", gitservers.USER, "--token-file", str(folder / "token"))
            made.ok("secret", "git", f"{APART}-git", *token)
            yield made


def _location(name: str, url: str, secret: str) -> dict[str, Any]:
    repo = {"url": f"{url}/{name}", "ref": "main", "secret": secret}
    return {"name": name, "repo": repo, "module": "pipeline"}


def _sections() -> dict[str, Any]:
    return {
        "postgres": {"storage": "512Mi", "backups": {"kept": 1}},
        "webserver": {"pod": {"environment_from_secrets": [PRIVATE]}},
    }


def secret_away(stack: ClusterStack, name: str) -> dict[str, str]:
    data = stack.access.get("secret", name, stack.namespace_of(APART))["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def connected_away(stack: ClusterStack, **other: str) -> Any:
    """Connect to the database of `orders`, as its own role, over the network."""
    found = secret_away(stack, "dagster-database")
    host = stack.get("service", "dagster-postgres")["spec"]["clusterIP"]
    given = {"user": found["username"], "password": found["password"], "dbname": found["database"], **other}
    return psycopg2.connect(host=host, port=found["port"], connect_timeout=10, **given)


def written_by_a_run(stack: ClusterStack) -> list[str]:
    """Return what a run of `orders` writes to a database in which nothing was written before."""
    with connected_away(stack) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS seen")
    stack.wait_for_success(stack.launch(APART, "writing"))
    return seen_away(stack)


def seen_away(stack: ClusterStack) -> list[str]:
    """Return what runs of `orders` have written."""
    with connected_away(stack) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT asset FROM seen")
        return [row[0] for row in cursor.fetchall()]


def numbers(stack: ClusterStack) -> dict[str, int]:
    """Return the number of the release that each location serves."""
    return {one["name"]: one["release"] for one in stack.status()["locations"]}


def next_numbers(stack: ClusterStack) -> dict[str, int]:
    return asking.next_numbers(json.loads(stack.ok("history", "--json")))


def everywhere(stack: ClusterStack) -> str:
    """Return all that somebody without a right to Secrets may see of it."""
    kinds = "pods,deployments,statefulsets,jobs,configmaps,events,services,leases"
    told = [stack.kubectl("get", kinds, "-o", "yaml"), stack.kubectl("describe", "pods")]
    for pod in stack.get("pods")["items"]:
        name = pod["metadata"]["name"]
        try:
            told.append(stack.kubectl("logs", name, "--all-containers", "--ignore-errors"))
        except KubectlFailed as error:
            assert "not found" in str(error), error  # a remote job that was over and was removed meanwhile
    told += [file.read_bytes().decode(errors="replace") for file in Path("/proc").glob("[0-9]*/cmdline")]
    return "\n".join(told)


def are_ready(stack: ClusterStack) -> bool:
    found = stack.status()
    return all(one["ready"] for one in (*found["components"], *found["locations"]))


def becomes_well(stack: ClusterStack) -> None:
    eventually("all to be ready", lambda: are_ready(stack), every_seconds=1)
    eventually("all to be well", lambda: stack.run("health").returncode == 0, every_seconds=1)
