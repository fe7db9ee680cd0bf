"""The stack on the cluster that is for those who lose the database, restore it, or change its passwords.

Its locations are there from the start, as those of the pool: `a`, from a private repository, and `orders`,
in a namespace of its own and with a database of its own.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2

from tests.cluster import gitservers
from tests.cluster.access import Access
from tests.kubernetes.running import Running, running
from tests.kubernetes.stacks import POD, ClusterStack
from tests.pipelines import Pipeline, pipeline
from tests.shared import SharedStack

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


defs = dg.Definitions(assets=[{asset}], jobs=[writing])
"""
"""Of `orders`."""
ISOLATION = {"quota": {"pods": "6", "limits.memory": "8Gi"}, "database": True}


class DatabaseStack(SharedStack[Running]):
    def __init__(self, access: Access, session: str, folder: Path) -> None:
        super().__init__(self._made)
        self._access, self._session, self._folder, self._number = access, session, folder, 0
        self._locations: list[dict[str, Any]] = []

    def whole(self) -> Running:
        """As it was at first, whatever a file before has configured."""
        self.made()
        with self.having(*self._locations, **_sections()) as stack:
            return stack

    def code(self, name: str) -> Pipeline:
        return Pipeline(self._folder / str(self._number) / "git" / name)

    @contextmanager
    def _made(self) -> Iterator[Running]:
        self._number += 1
        folder = self._folder / str(self._number)
        pipeline(self.code(A).folder).commit("first")
        pipeline(self.code(APART).folder).commit_text(CODE.format(asset="prices"), "Prices")
        with (
            gitservers.by_password(folder / "git") as url,
            running(self._access, self._session, folder) as made,
        ):
            self._locations = [
                _location(A, url, PRIVATE),
                {**_location(APART, url, f"{APART}-git"), "isolation": ISOLATION, "pod": POD},
            ]
            made.configure(code_locations=self._locations, **_sections())
            (folder / "token").write_text(gitservers.PASSWORD)
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": PRIVATE}}
            content = {"username": gitservers.USER, "password": gitservers.PASSWORD}
            self._access.apply({**secret, "stringData": content}, namespace=made.namespace)
            token = ("--username", gitservers.USER, "--token-file", str(folder / "token"))
            made.run("secret", "git", f"{APART}-git", *token)
            try:
                yield made
            finally:
                self._access.delete_namespace(away(made), wait=False)


def _location(name: str, url: str, secret: str) -> dict[str, Any]:
    repo = {"url": f"{url}/{name}", "ref": "main", "secret": secret}
    return {"name": name, "repo": repo, "module": "pipeline"}


def _sections() -> dict[str, Any]:
    return {
        "postgres": {"storage": "512Mi", "backups": {"kept": 1}},
        "webserver": {"pod": {"environment_from_secrets": [PRIVATE]}},
    }


OnCluster = Running | ClusterStack


def away(stack: OnCluster) -> str:
    """The namespace of `orders`."""
    return f"{stack.namespace}-{APART}"


def secret_away(stack: OnCluster, name: str) -> dict[str, str]:
    data = stack.access.get("secret", name, away(stack))["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def connected_away(stack: OnCluster, **other: str) -> Any:
    """To the database of `orders`, as its own role, over the network."""
    found = secret_away(stack, "dagster-database")
    host = stack.get("service", "dagster-postgres")["spec"]["clusterIP"]
    given = {"user": found["username"], "password": found["password"], "dbname": found["database"], **other}
    return psycopg2.connect(host=host, port=found["port"], connect_timeout=10, **given)


def seen_away(stack: OnCluster) -> list[str]:
    """What runs of `orders` have written."""
    with connected_away(stack) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT asset FROM seen")
        return [row[0] for row in cursor.fetchall()]
