"""A location in a namespace and with a database of its own, on a cluster: made, used, changed, taken down."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from playground_ops.config import load
from playground_ops.render.names import OF_NAMESPACE, OPS_ACCOUNT
from tests.asking import eventually
from tests.cluster import gitservers
from tests.cluster.access import Access, KubectlFailed
from tests.cluster.audit import recorded
from tests.cluster.cluster import Cluster
from tests.kubernetes.stacks import ClusterStack, a_cluster_stack
from tests.kubernetes.test_rights import release_of
from tests.pipelines import Pipeline, pipeline

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
ISOLATION = {"quota": {"pods": "6", "limits.memory": "8Gi"}, "database": True}
KINDS = (
    "deployments,services,configmaps,secrets,pvc,serviceaccounts,roles,rolebindings,networkpolicies,"
    "resourcequotas"
)
OURS = "app.kubernetes.io/managed-by=playground-ops"
Object = dict[str, Any]


def commit(code: Pipeline, asset: str) -> None:
    code.commit_text(CODE.format(asset=asset), asset)


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    made = pipeline(tmp_path_factory.mktemp("code") / "repository")
    commit(made, "prices")
    return made


@pytest.fixture(scope="module")
def stack(access: Access, code: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterStack]:
    folder = tmp_path_factory.mktemp("stack")
    (folder / "token").write_text(gitservers.PASSWORD)
    with a_cluster_stack(access, folder) as made, gitservers.by_password(code.folder.parent) as url:
        repo = {"url": f"{url}/{code.folder.name}", "ref": "main", "secret": "orders-git"}
        location = {"name": "orders", "repo": repo, "module": "pipeline", "isolation": ISOLATION}
        made.configure(code_locations=[location])
        token = ("--username", gitservers.USER, "--token-file", str(folder / "token"))
        made.ok("secret", "git", "orders-git", *token)
        made.bootstrap()
        try:
            yield made
        finally:
            access.delete_namespace(away(made), wait=False)


def away(stack: ClusterStack) -> str:
    return f"{stack.namespace}-orders"


def secret(stack: ClusterStack, name: str) -> dict[str, str]:
    data = stack.access.get("secret", name, away(stack))["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def connected(stack: ClusterStack, **other: str) -> Any:
    """As the location's own role, over the network."""
    found = secret(stack, "dagster-database")
    host = stack.get("service", "dagster-postgres")["spec"]["clusterIP"]
    given = {"user": found["username"], "password": found["password"], "dbname": found["database"], **other}
    return psycopg2.connect(host=host, port=found["port"], connect_timeout=10, **given)


def seen(stack: ClusterStack) -> list[str]:
    with connected(stack) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT asset FROM seen")
        return [row[0] for row in cursor.fetchall()]


def test_it_is_loaded_lies_in_its_namespace_and_a_second_bootstrap_has_nothing_to_do(
    stack: ClusterStack,
) -> None:
    assert stack.assets("orders") == ["prices"]
    pods = stack.access.get("pods", "", away(stack))["items"]
    assert [pod["metadata"]["labels"]["playground.dagster/release"] for pod in pods] == ["1"]
    assert [pod["spec"]["serviceAccountName"] for pod in pods] == ["dagster-grpc-orders"]
    assert not [pod for pod in stack.pods("location") if "orders" in pod["metadata"]["name"]]
    assert stack.access.get("pvc", "dagster-artifacts", away(stack))["status"]["phase"] == "Bound"
    used = stack.access.get("resourcequota", "dagster-quota", away(stack))["status"]["used"]
    assert used["pods"] == "1"
    assert "Nothing to do" in stack.bootstrap()
    assert stack.plan() == {}
    assert "Everything is well" in stack.ok("health")
    assert "orders" in stack.ok("logs", "orders", "--lines", "5") + away(stack)


def test_a_run_writes_to_its_own_database(stack: ClusterStack) -> None:
    stack.wait_for_success(stack.launch("orders", "writing"))
    assert seen(stack) == ["prices"]


@pytest.mark.parametrize("database", ["dagster", "postgres", "template1"])
def test_its_role_connects_to_nothing_else(stack: ClusterStack, database: str) -> None:
    def is_refused() -> bool:
        with pytest.raises(psycopg2.OperationalError) as told:
            connected(stack, dbname=database).close()
        print(told.value)
        return "permission denied for database" in str(told.value)

    eventually("being refused, and not for want of an answer", is_refused)
    with connected(stack) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = user")
        assert cursor.fetchone() == (False, False, False)


def test_it_is_redeployed_and_rolled_back_and_ops_is_denied_nothing(
    stack: ClusterStack, code: Pipeline, cluster: Cluster
) -> None:
    commit(code, "costs")
    user = f"system:serviceaccount:{stack.namespace}:{OPS_ACCOUNT}"
    with recorded(cluster, user=user) as calls:
        stack.ok("redeploy", "orders")
        assert (stack.location("orders")["release"], stack.assets("orders")) == (2, ["costs"])
        stack.ok("rollback", "orders")
        assert (stack.location("orders")["release"], stack.assets("orders")) == (1, ["prices"])
    assert [str(call) for call in calls.denied] == []
    assert {call.namespace for call in calls.writes} >= {stack.namespace, away(stack)}


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
    made = release_of(configuration, "orders")
    made["metadata"]["name"] = "dagster-grpc-orders-99"
    assert made["metadata"]["namespace"] == away(stack)
    user = f"--as=system:serviceaccount:{stack.namespace}:{OPS_ACCOUNT}"

    def refused(wanted: Object) -> str:
        try:
            create = ("create", "--dry-run=server", "-f", "-", user)
            stack.access.kubectl(*create, namespace=away(stack), stdin=json.dumps(wanted))
        except KubectlFailed as error:
            return str(error)
        return ""

    assert refused(made) == ""
    assert "a Secret that the configuration does not name" in refused(reading(made, "foreign"))
    for what in ("secrets", "leases", "statefulsets"):
        with pytest.raises(KubectlFailed, match="forbidden"):
            stack.access.kubectl("get", what, user, namespace=away(stack))


def test_a_new_password_reaches_both_secrets_there(stack: ClusterStack) -> None:
    before = [secret(stack, name)["password"] for name in ("dagster-postgres", "dagster-database")]
    stack.ok("secret", "rotate-database")
    after = [secret(stack, name)["password"] for name in ("dagster-postgres", "dagster-database")]
    assert not {*before} & {*after}
    own = stack.get("secret", "dagster-postgres")["data"]["password"]
    assert base64.b64decode(own).decode() == after[0]
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        connected(stack, password=before[1])
    assert stack.location("orders")["release"] == 3
    assert stack.plan() == {}
    stack.wait_for_success(stack.launch("orders", "writing"))
    assert len(seen(stack)) == 2


def test_it_does_not_move_while_it_serves(stack: ClusterStack) -> None:
    text = stack.config.read_text()
    document = json.loads(text)
    del document["code_locations"][0]["isolation"]
    stack.config.write_text(json.dumps(document))
    for command in ("plan", "deploy"):
        said = stack.run(command)
        assert (said.returncode, "It serves in another namespace" in said.stderr) == (1, True), said
    stack.config.write_text(text)
    assert stack.plan() == {}


def test_somebody_else_s_namespace_is_left_to_them(stack: ClusterStack, access: Access) -> None:
    text = stack.config.read_text()
    document = json.loads(text)
    document["code_locations"].append({"name": "other", "isolation": {"namespace": "default"}})
    stack.config.write_text(json.dumps(document))
    said = stack.run("deploy")
    stack.config.write_text(text)
    assert (said.returncode, "namespace/default" in said.stderr) == (1, True), said
    assert OF_NAMESPACE not in (access.get("namespace", "default")["metadata"].get("labels") or {})


@pytest.mark.soak
def test_a_restore_stops_and_starts_it_too(stack: ClusterStack, tmp_path: Path) -> None:
    file = str(tmp_path / "stack.backup")
    stack.ok("backup", file)
    assert "dagster-grpc-orders" in stack.run("restore", file, "--stop").stderr
    eventually("it to be back", lambda: stack.location("orders")["ready"])
    assert len(seen(stack)) > 0, "its own database is not in the backup, and stays"


@pytest.mark.soak
def test_taken_out_and_put_in_again_it_moves_and_its_data_stays(stack: ClusterStack) -> None:
    document = json.loads(stack.config.read_text())
    (location,) = document["code_locations"]
    before = stack.location("orders")["release"]

    def deployed(*locations: Object) -> None:
        stack.config.write_text(json.dumps({**document, "code_locations": locations}))
        stack.ok("deploy")
        assert stack.plan() == {}

    deployed()
    assert [one["name"] for one in stack.status()["locations"]] == ["ops"]
    eventually("its pods to end", lambda: not stack.access.get("pods", "", away(stack))["items"])
    left = stack.access.kubectl("get", KINDS, "-l", OURS, "-o", "name", namespace=away(stack)).split()
    assert {name.partition("/")[0].partition(".")[0] for name in left} == {
        *("persistentvolumeclaim", "secret", "networkpolicy", "resourcequota"),
    }
    plain = {key: value for key, value in location.items() if key not in ("isolation", "repo")}
    deployed({**plain, "module": "playground.definitions"})
    assert stack.location("orders")["release"] == before + 1, "numbers go on"
    deployed()
    deployed(location)
    assert stack.location("orders")["release"] == before + 2
    stack.wait_for_success(stack.launch("orders", "writing"))
    assert len(seen(stack)) > 1, "what it wrote before is still there"


def test_down_leaves_the_data_and_then_nothing(stack: ClusterStack, access: Access) -> None:
    stack.ok("down", "--now")
    assert access.get("pods", "", away(stack))["items"] == []
    assert {one["metadata"]["name"] for one in access.get("pvc", "", away(stack))["items"]} == {
        "dagster-artifacts"
    }
    stack.ok("down", "--now", "--delete-data")
    policies = "validatingadmissionpolicies,validatingadmissionpolicybindings"
    mine = ("-l", f"{OF_NAMESPACE}={stack.namespace}", "-o", "name")
    eventually("all to be gone", lambda: access.kubectl("get", f"namespaces,{policies}", *mine).split() == [])
