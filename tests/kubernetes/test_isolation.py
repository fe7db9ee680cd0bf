"""A location with a namespace and a database of its own, on a cluster: made, used, changed, taken down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import yaml

from playground_ops.checks.room import ROLES_SETTLED
from playground_ops.config import load
from playground_ops.render.database import ADMIN
from playground_ops.render.names import OF_NAMESPACE, OPS_ACCOUNT
from tests.asking import eventually
from tests.cluster.access import Access, KubectlFailed
from tests.cluster.audit import recorded
from tests.cluster.cluster import Cluster
from tests.kubernetes.database import (
    APART,
    CODE,
    DatabaseStack,
    becomes_well,
    connected_away,
    seen_away,
    written_by_a_run,
)
from tests.kubernetes.stacks import ClusterStack
from tests.kubernetes.test_rights import release_of
from tests.shared import changed

KINDS = (
    "deployments,services,configmaps,secrets,pvc,serviceaccounts,roles,rolebindings,networkpolicies,"
    "resourcequotas"
)
OURS = "app.kubernetes.io/managed-by=playground-ops"
Object = dict[str, Any]


@pytest.fixture(scope="module")
def stack(database_stack: DatabaseStack) -> ClusterStack:
    return database_stack.whole()


def pods_there(stack: ClusterStack) -> list[Object]:
    found: list[Object] = stack.access.get("pods", "", stack.namespace_of(APART))["items"]
    return found


def counted(stack: ClusterStack) -> int:
    quota = stack.access.get("resourcequota", "dagster-quota", stack.namespace_of(APART))
    return int(quota["status"]["used"]["pods"])


def test_it_is_loaded_lies_in_its_namespace_and_a_second_bootstrap_has_nothing_to_do(
    stack: ClusterStack,
) -> None:
    assert stack.assets(APART) == ["prices"]
    pods = pods_there(stack)
    serving = str(stack.location(APART)["release"])
    assert serving in [pod["metadata"]["labels"]["playground.dagster/release"] for pod in pods]
    assert {pod["spec"]["serviceAccountName"] for pod in pods} == {f"dagster-grpc-{APART}"}
    assert not [pod for pod in stack.pods("location") if APART in pod["metadata"]["name"]]
    assert (
        stack.access.get("pvc", "dagster-artifacts", stack.namespace_of(APART))["status"]["phase"] == "Bound"
    )
    eventually("the quota to count its pods", lambda: counted(stack) == len(pods_there(stack)))
    assert "Nothing to do" in stack.bootstrap()
    assert stack.plan() == {}
    becomes_well(stack)
    assert stack.ok("logs", APART, "--lines", "5")


def test_a_run_writes_to_its_own_database(stack: ClusterStack) -> None:
    assert written_by_a_run(stack) == ["prices"]


@pytest.mark.parametrize("database", ["dagster", "postgres", "template1"])
def test_its_role_connects_to_nothing_else(stack: ClusterStack, database: str) -> None:
    def is_refused() -> bool:
        with pytest.raises(psycopg2.OperationalError) as told:
            connected_away(stack, dbname=database).close()
        print(told.value)
        return "permission denied for database" in str(told.value)

    eventually("being refused, and not for want of an answer", is_refused)
    with connected_away(stack) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = user")
        assert cursor.fetchone() == (False, False, False)


INSERT = "INSERT INTO runs (run_id, pipeline_name, status, run_body) VALUES ('x', 'kept', 'SUCCESS', '{}')"
ATTACK = """
import json, os, psycopg2
def told(statement, database):
    try:
        with psycopg2.connect(
            host=os.environ["DAGSTER_PG_HOST"], port=os.environ["DAGSTER_PG_PORT"], dbname=database,
            user=os.environ["DAGSTER_PG_USER"], password=os.environ["DAGSTER_PG_PASSWORD"],
            connect_timeout=10,
        ) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            connection.rollback()
            return "let"
    except psycopg2.Error as error:
        return str(error).splitlines()[0]
print(json.dumps([told(*one) for one in STATEMENTS]))
"""
STATEMENTS = [
    ("CREATE TEMPORARY TABLE told (line text); COPY told FROM PROGRAM 'id'", "dagster"),
    ("SELECT pg_read_file('PG_VERSION')", "dagster"),
    ("CREATE ROLE evil SUPERUSER LOGIN", "dagster"),
    ("SELECT rolpassword FROM pg_authid", "dagster"),
    ("SELECT 1", "location_orders"),
    ("SELECT 1", "postgres"),
]


def attacked(stack: ClusterStack) -> list[str]:
    """Return what Postgres answers to code of `orders` that has Dagster's own role, as all code has."""
    pod = next(one for one in pods_there(stack) if one["status"]["phase"] == "Running")["metadata"]["name"]
    script = ATTACK.replace("STATEMENTS", repr(STATEMENTS))
    command = ("exec", pod, "-c", "dagster-grpc", "--", "python", "-c", script)
    found: list[str] = json.loads(stack.access.kubectl(*command, namespace=stack.namespace_of(APART)))
    return found


def is_refused(answer: str) -> bool:
    return "permission denied" in answer or "must be superuser" in answer


def test_code_of_a_location_is_no_superuser_of_postgres(stack: ClusterStack) -> None:
    answers = attacked(stack)
    assert [one for one in answers if not is_refused(one)] == []
    assert len(answers) == len(STATEMENTS)


def test_a_role_that_is_a_superuser_is_told_and_a_deploy_ends_that_after_a_backup(
    stack: ClusterStack,
) -> None:
    stack.sql("ALTER ROLE dagster SUPERUSER", ADMIN)
    stack.sql(INSERT)
    stack.kubectl("annotate", "statefulset", "dagster-postgres", f"{ROLES_SETTLED}-")
    assert "let" in attacked(stack)
    assert stack.plan() == {"role/dagster": ["superuser"]}
    told = json.loads(stack.run("health", "--json").stdout)["findings"]
    assert "healthy" in [one["check"] for one in told if one["object"] == "role/dagster"]
    pod = stack.uids("postgres")
    said = stack.done("deploy").stderr
    assert "a superuser: a backup" in said
    assert "/backups/dagster-" in said
    assert stack.plan() == {}
    assert [one for one in attacked(stack) if not is_refused(one)] == []
    assert stack.uids("postgres") == pod, "Postgres goes on, and so does whoever uses it"
    stack.sql("DELETE FROM runs WHERE run_id = 'x'")


def test_it_is_redeployed_and_rolled_back_and_ops_is_denied_nothing(
    stack: ClusterStack, database_stack: DatabaseStack, cluster: Cluster
) -> None:
    before = stack.location(APART)["release"]
    database_stack.code(APART).commit_text(CODE.format(asset="costs"), "Costs")
    user = f"system:serviceaccount:{stack.namespace}:{OPS_ACCOUNT}"
    with recorded(cluster, user=user) as calls:
        stack.ok("redeploy", APART)
        assert (stack.location(APART)["release"], stack.assets(APART)) == (before + 1, ["costs"])
        stack.ok("rollback", APART)
        assert (stack.location(APART)["release"], stack.assets(APART)) == (before, ["prices"])
    assert [str(call) for call in calls.denied] == []
    assert {call.namespace for call in calls.writes} >= {stack.namespace, stack.namespace_of(APART)}


@pytest.mark.soak
def test_ops_sees_what_holds_it_as_it_is(stack: ClusterStack) -> None:
    shown = stack.launch("ops", "plan")
    stack.wait_for_success(shown)
    assert "need bootstrap" not in stack.messages(shown)
    assert "unchanged" in stack.messages(shown)


def reading(found: Object, name: str) -> Object:
    variable = {"name": "X", "valueFrom": {"secretKeyRef": {"name": name, "key": "k"}}}
    found["spec"]["template"]["spec"]["containers"][0]["env"].append(variable)
    return found


def test_ops_is_refused_a_foreign_secret_there(stack: ClusterStack) -> None:
    configuration = load(stack.config)
    made = release_of(configuration, APART)
    made["metadata"]["name"] = f"dagster-grpc-{APART}-99"
    assert made["metadata"]["namespace"] == stack.namespace_of(APART)
    user = f"--as=system:serviceaccount:{stack.namespace}:{OPS_ACCOUNT}"

    def refused(wanted: Object) -> str:
        try:
            create = ("create", "--dry-run=server", "-f", "-", user)
            stack.access.kubectl(*create, namespace=stack.namespace_of(APART), stdin=json.dumps(wanted))
        except KubectlFailed as error:
            return str(error)
        return ""

    assert refused(made) == ""
    assert "a Secret that the configuration does not name" in refused(reading(made, "foreign"))
    for what in ("secrets", "leases", "statefulsets"):
        with pytest.raises(KubectlFailed, match="forbidden"):
            stack.access.kubectl("get", what, user, namespace=stack.namespace_of(APART))


def test_it_does_not_move_while_it_serves(stack: ClusterStack) -> None:
    with changed(stack, APART, isolation=None):
        for command in ("plan", "deploy"):
            said = stack.run(command)
            assert (said.returncode, "It serves in another namespace" in said.stderr) == (1, True), said
    assert stack.plan() == {}


def test_somebody_else_s_namespace_is_left_to_them(stack: ClusterStack, access: Access) -> None:
    text = stack.config.read_text()
    document = yaml.safe_load(text)
    document["code_locations"].append({"name": "other", "isolation": {"namespace": "default"}})
    stack.config.write_text(yaml.safe_dump(document))
    said = stack.run("deploy")
    stack.config.write_text(text)
    assert (said.returncode, "namespace/default" in said.stderr) == (1, True), said
    assert OF_NAMESPACE not in (access.get("namespace", "default")["metadata"].get("labels") or {})


@pytest.mark.soak
def test_a_restore_stops_and_starts_it_too(stack: ClusterStack, tmp_path: Path) -> None:
    file = str(tmp_path / "stack.backup")
    assert written_by_a_run(stack)
    stack.ok("backup", file)
    assert f"dagster-grpc-{APART}" in stack.run("restore", file, "--stop").stderr
    eventually("it to be back", lambda: stack.location(APART)["ready"])
    assert len(seen_away(stack)) > 0, "its own database is not in the backup, and stays"
    becomes_well(stack)


@pytest.mark.soak
def test_taken_out_and_put_in_again_it_moves_and_its_data_stays(stack: ClusterStack) -> None:
    document = yaml.safe_load(stack.config.read_text())
    *others, location = document["code_locations"]
    before = stack.location(APART)["release"]
    assert written_by_a_run(stack)

    def deployed(*locations: Object) -> None:
        stack.config.write_text(yaml.safe_dump({**document, "code_locations": [*others, *locations]}))
        stack.ok("deploy")
        assert stack.plan() == {}

    deployed()
    assert [one["name"] for one in stack.status()["locations"]] == ["ops", *(one["name"] for one in others)]
    eventually("its pods to end", lambda: not pods_there(stack))
    left = stack.access.kubectl(
        "get", KINDS, "-l", OURS, "-o", "name", namespace=stack.namespace_of(APART)
    ).split()
    assert {name.partition("/")[0].partition(".")[0] for name in left} == {
        *("persistentvolumeclaim", "secret", "networkpolicy", "resourcequota"),
    }
    plain = {key: value for key, value in location.items() if key not in ("isolation", "repo")}
    deployed({**plain, "module": "playground.definitions"})
    assert stack.location(APART)["release"] == before + 1, "numbers go on"
    deployed()
    deployed(location)
    assert stack.location(APART)["release"] == before + 2
    stack.wait_for_success(stack.launch(APART, "writing"))
    assert len(seen_away(stack)) > 1, "what it wrote before is still there"
