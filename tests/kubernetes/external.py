"""A stack whose database, values and runs are elsewhere than in its own pods."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.access import Access
from tests.cluster.gitservers import anonymous
from tests.cluster.images import postgres
from tests.cluster.network import HOST as MACHINE
from tests.cluster.pods import a_pod
from tests.kubernetes.images import MODULE
from tests.kubernetes.stacks import ClusterStack, a_cluster_stack
from tests.objectstores import Bucket, a_bucket
from tests.pipelines import Pipeline, pipeline

HOST, PASSWORD = "db", "external words"
USER_ID = 999
A, OWN, IMAGED = "a", "b", "reports"
"""Locations from a repository, with the bootstrap package, and with code in an image."""
CODE = """\
import os
import time
from pathlib import Path

import dagster as dg

VERSION = "{version}"


@dg.asset
def numbers() -> list[int]:
    print("numbers made by version " + VERSION)
    return [1, 2, 3]


@dg.asset
def total(numbers: list[int]) -> int:
    return sum(numbers)


@dg.op
def wait(context: dg.OpExecutionContext) -> None:
    until = context.run.tags.get("until", "go")
    while not Path("/opt/dagster/compute_logs", until).exists():
        time.sleep(0.1)
    context.log.info("version " + VERSION + " at " + os.environ["PLAYGROUND_COMMIT"] + " in " + os.getcwd())
    if context.run.tags.get("fails") == "once" and "dagster/retry_number" not in context.run.tags:
        raise RuntimeError("not yet")


@dg.job(tags={{"one": "at a time"}})
def alone() -> None:
    wait()


@dg.job
def waiting() -> None:
    wait()


up = dg.define_asset_job("up", selection=["numbers"])
down = dg.define_asset_job("down", selection=["total"])
defs = dg.Definitions(
    assets=[numbers, total], jobs=[up, down, waiting, alone], executor=dg.in_process_executor
)
"""
"""A step of `waiting` ends when a file is there, on the claim that all pods have; a tag may name another."""
QUEUE = {"tag_concurrency_limits": [{"key": "one", "value": "at a time", "limit": 1}]}


def service() -> dict[str, Any]:
    ports = [{"port": 6432, "targetPort": 5432}]
    spec = {"selector": {"app": HOST}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": HOST}, "spec": spec}


def server() -> dict[str, Any]:
    """Return a pod with Postgres and its data in memory, which nothing restarts."""
    environment = {
        "POSTGRES_USER": "ada",
        "POSTGRES_PASSWORD": PASSWORD,
        "POSTGRES_DB": "orchestra",
        "PGDATA": "/data/pg",
    }
    return a_pod(
        HOST,
        image=postgres.NAME,
        user=USER_ID,
        volumes={"data": ("/data", {"emptyDir": {}}), "run": ("/var/run/postgresql", {"emptyDir": {}})},
        container={"env": [{"name": key, "value": value} for key, value in environment.items()]},
        restartPolicy="Always",
    )


def secret(name: str, **content: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": content}


@dataclass(frozen=True)
class World:
    stack: ClusterStack
    code: Pipeline
    """The code of `a`."""
    bucket: Bucket
    git: ExitStack
    """The git server; closing it is its outage."""


@contextmanager
def a_world(access: Access, image: str, folder: Path) -> Iterator[World]:
    """Yield a stack that is not deployed yet. A server that speaks S3 is on this machine."""
    code = pipeline(folder / "code" / "repository")
    code.commit_text(CODE.format(version=1), "Version 1")
    with (
        a_cluster_stack(access, folder) as stack,
        ExitStack() as git,
        a_bucket("team", MACHINE) as bucket,
    ):
        url = git.enter_context(anonymous(code.folder.parent))
        access.apply(secret("db", password=PASSWORD), service(), namespace=stack.namespace)
        external = {"host": HOST, "port": 6432, "user": "ada", "database": "orchestra"}
        parameters = {"parameters": {"connect_timeout": 3}}
        s3 = {"bucket": "team", "endpoint_url": bucket.url, "region": "us-east-1"}
        repo = {"url": f"{url}/{code.folder.name}", "ref": "main"}
        stack.configure(
            postgres={"external": {**external, **parameters}, "password_secret": "db"},
            kubernetes={"artifacts_store": {"s3": s3, "secret": "store"}},
            run_launcher="kubernetes",
            run_queue=QUEUE,
            code_locations=[
                {"name": A, "repo": repo, "module": "pipeline", "automation": "off"},
                {"name": OWN},
                {"name": IMAGED, "image": image, "module": MODULE},
            ],
        )
        yield World(stack, code, bucket, git)
