"""A second deployment on a real cluster: the same code beside itself, with a database of its own."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from playground_ops.render.database import ADMIN
from playground_ops.render.names import LOCATION
from tests.ailing import findings
from tests.asking import At, eventually
from tests.kubernetes.database import A, DatabaseStack, numbers
from tests.kubernetes.stacks import POD, ClusterStack

B, NEXT = "b", "next"
DEPLOYMENT = {"name": NEXT, "webserver": {"pod": POD}, "daemon": {"pod": POD}}
RUNS = "SELECT coalesce(string_agg(run_id || status, ',' ORDER BY run_id), '') FROM runs"
OF_NEXT = f"playground.dagster/deployment={NEXT}"


@pytest.fixture(scope="module")
def stack(database_stack: DatabaseStack) -> Iterator[ClusterStack]:
    """The stack with the repository of `a` a second time, in a deployment of its own.

    Its database stays when it is taken out: it is dropped at the end, for files that look who is in Postgres.
    """
    made = database_stack.whole()
    whole = json.loads(made.config.read_text())
    (a,) = [one for one in whole["code_locations"] if one["name"] == A]
    whole["code_locations"].append({**a, "name": B, "deployment": NEXT})
    made.config.write_text(json.dumps({**whole, "deployments": [DEPLOYMENT]}))
    made.ok("deploy")
    yield made
    made.sql(f"DROP DATABASE IF EXISTS deployment_{NEXT} WITH (FORCE)", ADMIN)
    made.sql(f"DROP ROLE IF EXISTS deployment_{NEXT}", ADMIN)


@pytest.fixture
def its_ui(stack: ClusterStack) -> At:
    address = stack.get("service", f"dagster-webserver-{NEXT}")["spec"]["clusterIP"]
    return At(f"http://{address}:3000")


def in_next(stack: ClusterStack, statement: str) -> str:
    psql = ["psql", "-XAtq", "-U", f"deployment_{NEXT}", "-c", statement]
    return stack.kubectl("exec", "dagster-postgres-0", "--", *psql).strip()


def test_each_shows_its_own_and_a_run_is_in_one_database_alone(stack: ClusterStack, its_ui: At) -> None:
    main = At(stack.ui)
    assert its_ui.locations() == [B]
    assert {A, "ops"} <= set(main.locations())
    assert B not in main.locations()
    assert its_ui.assets(B) == main.assets(A), "the same keys, and nobody minds"
    before = stack.sql(RUNS)
    run = its_ui.launch(B, "waiting", {"ops": {"wait": {"config": {"seconds": 0.0}}}})
    its_ui.wait_for_success(run)
    assert in_next(stack, RUNS) == f"{run}SUCCESS"
    assert stack.sql(RUNS) == before
    where = f"find /opt/dagster/deployments/{NEXT}/compute_logs -name {run}"
    assert stack.kubectl("exec", "svc/dagster-grpc-ops", "--", "sh", "-c", where).strip()


@pytest.mark.parametrize(
    ("secret", "role", "database"),
    [
        ("dagster-postgres", "dagster", "deployment_next"),
        (f"dagster-postgres-{NEXT}", "deployment_next", "dagster"),
    ],
)
def test_no_role_is_let_into_the_other_database(
    stack: ClusterStack, secret: str, role: str, database: str
) -> None:
    host = stack.get("service", "dagster-postgres")["spec"]["clusterIP"]
    password = b64decode(stack.get("secret", secret)["data"]["password"]).decode()
    given: dict[str, Any] = {"host": host, "user": role, "password": password, "connect_timeout": 10}
    psycopg2.connect(dbname=role, **given).close()
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        psycopg2.connect(dbname=database, **given)


def test_what_fails_in_it_is_told_of_it_alone(stack: ClusterStack) -> None:
    names = [f"deployment/dagster-{one}-{NEXT}" for one in ("daemon", "webserver")]
    wanted = {f"daemon-{NEXT}", f"webserver-{NEXT}"}

    def told() -> set[str]:
        return {str(one["component"]) for one in findings(stack)}

    eventually("all of it to be up", lambda: _is_up(stack), every_seconds=0.5)
    before = told()  # a daemon tells for five minutes of an outage that another file has made
    assert not before & wanted
    stack.kubectl("scale", *names, "--replicas=0")
    try:
        eventually("both to be told", lambda: wanted <= told(), every_seconds=0.5)
        assert told() - before == wanted
    finally:
        stack.kubectl("scale", *names, "--replicas=1")


def test_a_location_in_it_is_rolled_out_as_any_other(
    stack: ClusterStack, its_ui: At, database_stack: DatabaseStack
) -> None:
    eventually("all of it to be up", lambda: _is_up(stack), every_seconds=0.5)
    assert stack.ok("logs", f"daemon-{NEXT}")
    before = numbers(stack)
    database_stack.code(A).commit("second")
    stack.ok("redeploy", B)
    assert numbers(stack) == {**before, B: before[B] + 1}
    assert (its_ui.assets(B), At(stack.ui).assets(A)) == (["second"], ["first"])


def _is_up(stack: ClusterStack) -> bool:
    return all(one["ready"] for one in stack.status()["components"])


def test_its_backup_is_its_own(stack: ClusterStack, tmp_path: Path) -> None:
    file = tmp_path / "next.backup"
    stack.ok("backup", str(file), "--deployment", NEXT)
    said = stack.run("restore", str(file))
    assert said.returncode == 2, said
    assert "a backup of deployment next, and is to be restored to deployment main" in said.stderr
    said = stack.run("backup", str(file), "--deployment", "nxt")
    assert (said.returncode, "Did you mean `next`?" in said.stderr) == (2, True), said


def test_what_is_taken_out_is_pruned_and_its_history_stays(
    stack: ClusterStack, database_stack: DatabaseStack
) -> None:
    runs = in_next(stack, RUNS)
    database_stack.whole()
    kinds = "deployments,services,configmaps,ingresses"
    left = stack.kubectl("get", kinds, "-l", f"{OF_NEXT},!{LOCATION}", "-o", "name").split()
    assert left == []
    assert stack.get("secret", f"dagster-postgres-{NEXT}")
    assert in_next(stack, RUNS) == runs
    assert stack.plan() == {}
