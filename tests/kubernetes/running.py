"""A whole stack in a namespace of its own, made and operated by the command line, as a person does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from playground_ops.targets.kubernetes.api.connection import Connection
from tests.asking import Asking
from tests.cluster.access import Access
from tests.kubernetes.connections import CONTEXT, connected, status, webserver
from tests.session.deadlines import stretched
from tests.session.times import started
from tests.stacks import QUICK

COMMAND_SECONDS = 200
SMALL = {"artifacts": "64Mi"}


@dataclass
class Said:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    def __str__(self) -> str:
        return f"exit code {self.code}\n{self.out}\n{self.err}"


@dataclass
class Running(Asking):
    access: Access
    namespace: str
    file: Path
    content: dict[str, Any] = field(default_factory=dict)

    def configure(self, **content: Any) -> None:
        self.content = {
            "kubernetes": {"namespace": self.namespace, **SMALL},
            "postgres": {"storage": "512Mi"},
            "rollout": QUICK,
            **content,
        }
        self.file.write_text(yaml.safe_dump(self.content))

    def command(self, *arguments: str, module: str = "playground_ops") -> list[str]:
        where = ["--target", "kubernetes", "--context", self.access.context or CONTEXT]
        return [sys.executable, "-m", module, *arguments, *where, "--config", str(self.file)]

    def run(self, *arguments: str, module: str = "playground_ops", check: bool = True) -> Said:
        done = subprocess.run(
            self.command(*arguments, module=module),
            env=self.access.environ,
            capture_output=True,
            text=True,
            timeout=stretched(COMMAND_SECONDS),
            check=False,
        )
        said = Said(done.returncode, done.stdout, done.stderr)
        assert not check or said.code == 0, said
        return said

    def status(self) -> Any:
        return status(self.access, self.file)

    @property
    def config(self) -> Path:
        return self.file

    def ok(self, *arguments: str) -> str:
        return self.run(*arguments).out

    def bootstrap(self) -> Said:
        return self.run(module="playground_ops.bootstrap")

    @property
    def ui(self) -> str:
        return webserver(self.connection, self.namespace)

    @cached_property
    def connection(self) -> Connection:
        return connected(self.access)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.access.kubectl(*arguments, namespace=self.namespace, stdin=stdin)

    def get(self, kind: str, name: str = "") -> Any:
        return self.access.get(kind, name, self.namespace)

    def sql(self, statement: str) -> str:
        """What psql answers in the Postgres pod."""
        psql = ["psql", "-XAtq", "-U", "dagster", "-d", "dagster", "-c", statement]
        return self.kubectl("exec", "dagster-postgres-0", "--", *psql).strip()

    def pods(self, app: str) -> set[str]:
        """Unique ids of those that are not about to end."""
        found = self.get("pods")["items"]
        return {
            one["metadata"]["uid"]
            for one in found
            if one["metadata"]["labels"].get("app") == app and "deletionTimestamp" not in one["metadata"]
        }


@contextmanager
def running(access: Access, session: str, folder: Path, **content: Any) -> Iterator[Running]:
    """Bootstrapped; gone after the block."""
    namespace = access.make_namespace(session)
    started("stacks on the cluster")
    made = Running(access, namespace, folder / "configvalues.yaml")
    made.configure(**content)
    try:
        yield made
    finally:
        access.delete_namespace(namespace, wait=False)
