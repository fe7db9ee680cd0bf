"""A database that the stack does not run, and runs in pods: nothing of either is the stack's own to end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.asking import eventually
from tests.cluster.access import Access, KubectlFailed
from tests.cluster.gitservers import anonymous
from tests.cluster.images import postgres
from tests.cluster.pods import a_pod
from tests.kubernetes.stacks import ClusterStack, a_cluster_stack
from tests.pipelines import pipeline
from tests.session.deadlines import stretched

HOST, PASSWORD = "db", "external words"
USER_ID = 999
WAITS = """\
import time
from pathlib import Path

import dagster as dg


@dg.op
def wait() -> None:
    while not Path("/opt/dagster/artifacts/go").exists():
        time.sleep(0.1)


@dg.job(executor_def=dg.in_process_executor)
def waiting() -> None:
    wait()


defs = dg.Definitions(jobs=[waiting])
"""


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
    folder = tmp_path_factory.mktemp("stack")
    code = pipeline(folder / "code" / "repository")
    code.commit_text(WAITS, "A job that waits")
    with a_cluster_stack(access, folder) as made, anonymous(code.folder.parent) as url:
        repo = {"url": f"{url}/{code.folder.name}", "ref": "main"}
        a = {"name": "a", "repo": repo, "module": "pipeline"}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}}
        password = {**secret, "stringData": {"password": PASSWORD}}
        access.apply(password, service(), namespace=made.namespace)
        external = {"host": HOST, "port": 6432, "user": "ada", "database": "orchestra"}
        parameters = {"parameters": {"connect_timeout": 3}}
        made.configure(
            postgres={"external": {**external, **parameters}, "password_secret": "db"},
            run_launcher="kubernetes",
            code_locations=[a],
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


def test_down_waits_for_runs_in_pods_and_leaves_the_database_to_whom_it_belongs(stack: ClusterStack) -> None:
    run = stack.launch("a", "waiting")
    stack.wait_for_run(run, "STARTED")
    process = stack.start("down")
    try:
        told = f"dagster-run-{run}"
        assert process.stderr is not None
        for line in process.stderr:
            if "waiting for" in line and told in line and "daemon" not in line:
                break
        (pod,) = stack.access.pods(stack.namespace, f"dagster/run-id={run}")
        stack.kubectl("exec", pod.name, "--", "touch", "/opt/dagster/artifacts/go")
        _, err = process.communicate(timeout=stretched(120))
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert [pod.name for pod in stack.access.pods(stack.namespace)] == [HOST]
