"""A database and an object store that the stack does not run: not there when it starts, there, and used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.asking import eventually
from tests.cluster.access import Access, KubectlFailed
from tests.cluster.gitservers import anonymous
from tests.cluster.images import postgres
from tests.cluster.network import HOST as MACHINE
from tests.cluster.pods import a_pod
from tests.kubernetes.lasting import CODE, stdout
from tests.kubernetes.stacks import ClusterStack, a_cluster_stack
from tests.objectstores import KEYS, Bucket, a_bucket
from tests.pipelines import Pipeline, pipeline
from tests.session.deadlines import stretched

HOST, PASSWORD = "db", "external words"
USER_ID = 999


def service() -> dict[str, Any]:
    ports = [{"port": 6432, "targetPort": 5432}]
    spec = {"selector": {"app": HOST}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": HOST}, "spec": spec}


def server() -> dict[str, Any]:
    """Postgres with its data in memory, kept by nobody."""
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
    bucket: Bucket


@pytest.fixture(scope="module")
def world(access: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A server that speaks S3 is on this machine; its credentials are in a Secret alone."""
    folder = tmp_path_factory.mktemp("stack")
    code = pipeline(folder / "code" / "repository")
    code.commit_text(CODE.format(version=1), "Version 1")
    with (
        a_cluster_stack(access, folder) as stack,
        anonymous(code.folder.parent) as url,
        a_bucket("team", MACHINE) as bucket,
    ):
        access.apply(secret("db", password=PASSWORD), service(), namespace=stack.namespace)
        external = {"host": HOST, "port": 6432, "user": "ada", "database": "orchestra"}
        parameters = {"parameters": {"connect_timeout": 3}}
        s3 = {"bucket": "team", "endpoint_url": bucket.url, "region": "us-east-1"}
        repo = {"url": f"{url}/{code.folder.name}", "ref": "main"}
        stack.configure(
            postgres={"external": {**external, **parameters}, "password_secret": "db"},
            kubernetes={"artifacts_store": {"s3": s3, "secret": "store"}},
            code_locations=[
                {"name": "a", "repo": repo, "module": "pipeline", "automation": "off"},
                {"name": "b"},
            ],
        )
        yield World(stack, code, bucket)


@pytest.fixture
def stack(world: World) -> ClusterStack:
    return world.stack


def test_a_secret_that_is_not_there_is_named(stack: ClusterStack) -> None:
    refused = stack.run(module="playground_ops.bootstrap")
    assert (refused.returncode, "secret/store" in refused.stdout + refused.stderr) == (1, True)
    stack.access.apply(secret("store", **KEYS), namespace=stack.namespace)


def test_who_starts_before_the_database_waits_and_says_for_what(stack: ClusterStack) -> None:
    process = stack.start(module="playground_ops.bootstrap")

    def waits() -> bool:
        try:
            told = stack.kubectl("logs", "deployment/dagster-webserver", "-c", "wait-for-database")
        except KubectlFailed:
            return False  # it has not started
        return f"waiting for the database at {HOST}:6432: " in told

    try:
        eventually("the webserver to wait", waits, every_seconds=0.5)
        stack.access.apply(server(), namespace=stack.namespace)
        out, err = process.communicate(timeout=stretched(200))
    finally:
        process.kill()
    assert process.returncode == 0, out + err
    assert stack.get("statefulsets")["items"] == []
    assert stack.assets("a")
    assert all(pod["status"]["containerStatuses"][0]["restartCount"] == 0 for pod in stack.pods("daemon"))


def test_what_is_of_the_stack_s_own_database_is_refused(stack: ClusterStack) -> None:
    for command in (("backup", "x.backup"), ("secret", "rotate-database")):
        refused = stack.run(*command)
        assert refused.returncode == 2
        assert f"it is at {HOST}" in refused.stderr


def test_the_job_keeps_that_database_too(stack: ClusterStack) -> None:
    run = stack.launch("ops", "backup")
    stack.wait_for_success(run)
    assert "read back by pg_restore" in stack.messages(run)


def test_values_and_output_are_in_the_store_and_not_on_the_claim(world: World) -> None:
    stack = world.stack
    run, other = stack.launch("a", "up"), stack.launch("b", "refresh")
    for one in (run, other):
        stack.wait_for_success(one)
    world.code.commit_text(CODE.format(version=2), "Version 2")
    stack.ok("redeploy", "a")
    stack.wait_for_success(stack.launch("a", "down"))
    assert "numbers made by version 1" in stdout(stack, run)
    there = world.bucket.objects()
    assert any(key.startswith(f"dagster/storage/{run}/compute_logs/") for key in there)
    assert {"dagster/values/b/numbers", "dagster/values/b/total"} <= set(there)
    look = "ls -R /opt/dagster/artifacts/compute_logs 2> /dev/null; true"
    assert run not in stack.kubectl("exec", "deployment/dagster-webserver", "--", "sh", "-c", look)
