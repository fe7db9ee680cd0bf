"""A database that the stack does not run: not there when it starts, there, away for a while, and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.asking import eventually
from tests.cluster.access import Access, KubectlFailed
from tests.cluster.images import postgres
from tests.cluster.pods import a_pod
from tests.kubernetes.stacks import ClusterStack, a_cluster_stack
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


@pytest.fixture(scope="module")
def stack(access: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterStack]:
    with a_cluster_stack(access, tmp_path_factory.mktemp("stack")) as made:
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}}
        password = {**secret, "stringData": {"password": PASSWORD}}
        access.apply(password, service(), namespace=made.namespace)
        external = {"host": HOST, "port": 6432, "user": "ada", "database": "orchestra"}
        parameters = {"parameters": {"connect_timeout": 3}}
        made.configure(
            postgres={"external": {**external, **parameters}, "password_secret": "db"},
            code_locations=[{"name": "a"}],
        )
        yield made


def test_who_starts_before_it_waits_and_says_for_what(stack: ClusterStack) -> None:
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


def test_a_run_and_its_events_are_there(stack: ClusterStack) -> None:
    run = stack.launch("ops", "plan")
    stack.wait_for_success(run)
    assert "Started execution" in stack.messages(run)


def test_what_is_of_the_stack_s_own_database_is_refused(stack: ClusterStack) -> None:
    for command in (("backup", "x.backup"), ("secret", "rotate-database")):
        refused = stack.run(*command)
        assert refused.returncode == 2
        assert f"it is at {HOST}" in refused.stderr


def test_the_job_keeps_that_database_too(stack: ClusterStack) -> None:
    run = stack.launch("ops", "backup")
    stack.wait_for_success(run)
    assert "read back by pg_restore" in stack.messages(run)
