"""Secrets of a stack that runs: who gets a new one, who may write it, and where it is never seen."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import yaml

from playground_ops.config import load
from playground_ops.errors import PlaygroundError
from playground_ops.targets.kubernetes.api.connection import Connection, Question
from playground_ops.targets.kubernetes.objects.secretversions import versions
from playground_ops.targets.kubernetes.outside import postgres, rotation
from tests.ailing import wait_until_nothing_is_told
from tests.cluster import gitservers
from tests.cluster.access import Access, KubectlFailed
from tests.kubernetes.connections import connected
from tests.kubernetes.database import (
    APART,
    PRIVATE,
    A,
    DatabaseStack,
    connected_away,
    secret_away,
    seen_away,
)
from tests.kubernetes.running import Running

RUN = """INSERT INTO runs (run_id, pipeline_name, status, run_body)
VALUES ('0a1b2c3d-0000', 'load & clean', 'STARTED', '{}')"""

WORDS = {"WAREHOUSE_PASSWORD": "canary-4711-flies", "API_TOKEN": "canary-0815-sings"}
TELLS = """\
import os
import sys

word, token = os.environ["WAREHOUSE_PASSWORD"], os.environ["API_TOKEN"]
print("variables:", {name: value for name, value in os.environ.items() if "_" in name}, file=sys.stderr)
print("Authorization: Bearer", token, file=sys.stderr)


def connect(url: str) -> None:
    raise ValueError(f"{url} refused password={word}, API_TOKEN={token!r}")


connect(f"postgresql://loader:{word}@warehouse:5432/sales")
"""
SECRET_VERSION = "playground.dagster/secret-version"
OF_NAMESPACE = ("dagster-database", "dagster-postgres")
"""With passwords, in the namespace of an isolated location: its own role's, and that of Dagster."""
EVENTS = "SELECT coalesce(string_agg(event, ' '), '') FROM event_logs"


@pytest.fixture(scope="module")
def stack(database_stack: DatabaseStack) -> Running:
    return database_stack.whole()


@pytest.fixture
def connection(access: Access) -> Connection:
    return connected(access)


def password(stack: Running, key: str = "password") -> str:
    data = stack.get("secret", "dagster-postgres")["data"]
    return base64.b64decode(data[key]).decode() if key in data else ""


def is_let_in(stack: Running, word: str) -> bool:
    """By Postgres, over the network, as every component comes."""
    host = stack.get("service", "dagster-postgres")["spec"]["clusterIP"]
    try:
        psycopg2.connect(
            host=host, user="dagster", dbname="dagster", password=word, connect_timeout=10
        ).close()
    except psycopg2.OperationalError as error:
        assert "password authentication failed" in str(error)
        return False
    return True


def numbers(stack: Running) -> dict[str, int]:
    return {one["name"]: one["release"] for one in stack.status()["locations"]}


def everywhere(stack: Running) -> str:
    """All that somebody without a right to Secrets may see of it."""
    kinds = "pods,deployments,statefulsets,jobs,configmaps,events,services,leases"
    told = [stack.kubectl("get", kinds, "-o", "yaml"), stack.kubectl("describe", "pods")]
    for pod in stack.get("pods")["items"]:
        name = pod["metadata"]["name"]
        try:
            told.append(stack.kubectl("logs", name, "--all-containers", "--ignore-errors"))
        except KubectlFailed as error:
            assert "not found" in str(error), error  # an errand that was over, and went meanwhile
    told += [file.read_bytes().decode(errors="replace") for file in Path("/proc").glob("[0-9]*/cmdline")]
    return "\n".join(told)


def test_a_changed_secret_reaches_the_pods_that_read_it_and_no_other(
    stack: Running, connection: Connection
) -> None:
    before = numbers(stack)
    pods = {app: stack.pods(f"dagster-{app}") for app in ("webserver", "daemon", "postgres")}
    known = versions(connection, load(stack.file))
    stack.kubectl("annotate", "--overwrite", "secret", PRIVATE, f"{SECRET_VERSION}=1")
    assert versions(connection, load(stack.file)) == {**known, PRIVATE: "1"}
    stack.run("deploy")
    assert numbers(stack) == {**before, "a": before["a"] + 1}
    now = {app: stack.pods(f"dagster-{app}") for app in pods}
    assert {app for app in pods if now[app] != pods[app]} == {"webserver"}
    assert "Nothing to do" in stack.run("deploy").out


def test_no_content_of_a_secret_is_asked_for(
    stack: Running, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bytes] = []
    real = Connection.answer

    def listening(self: Connection, asked: Question) -> bytes:
        heard.append(real(self, asked))
        return heard[-1]

    monkeypatch.setattr(Connection, "answer", listening)
    versions(connection, load(stack.file))
    assert heard
    assert all("data" not in json.loads(answer) for answer in heard)


def test_a_secret_is_made_of_files_and_replaced(stack: Running, tmp_path: Path) -> None:
    token = stack.file.parent / "token"
    given = ("secret", "git", "fresh", "--username", "reader", "--token-file", str(token))
    assert "created" in stack.run(*given).out
    made = stack.get("secret", "fresh")
    assert base64.b64decode(made["data"]["password"]).decode() == token.read_text()
    first = made["metadata"]["annotations"]["playground.dagster/secret-version"]
    said = stack.run(*given, "--json")
    assert said.document == {"secret": "fresh", "done": "replaced", "locations": []}
    second = stack.get("secret", "fresh")["metadata"]["annotations"]["playground.dagster/secret-version"]
    assert first != second
    assert first[:8].isdigit()
    assert token.read_text() not in f"{said}"


@pytest.mark.parametrize("name", ["private", "dagster-postgres"])
def test_what_somebody_else_made_is_not_overwritten(stack: Running, name: str) -> None:
    before = stack.get("secret", name)
    token = str(stack.file.parent / "token")
    said = stack.run("secret", "git", name, "--username", "x", "--token-file", token, check=False)
    assert (said.code, "was not made by this command" in said.err) == (1, True), said
    assert stack.get("secret", name) == before


def test_credentials_of_the_other_kind_are_refused(stack: Running, tmp_path: Path) -> None:
    with gitservers.by_ssh(tmp_path, tmp_path) as ssh:
        (tmp_path / "key").write_text(ssh.key)
        (tmp_path / "hosts").write_text(ssh.known_hosts)
    files = ("--ssh-key", str(tmp_path / "key"), "--known-hosts", str(tmp_path / "hosts"))
    said = stack.run("secret", "git", "private", *files, check=False)
    assert (said.code, "fetched over HTTP" in said.err) == (2, True), said
    assert stack.run("secret", "git", "Upper_Case", *files, check=False).code == 2
    assert stack.run("secret", "git", "x", *files[:2], check=False).code == 2


def test_whoever_may_not_write_secrets_is_told(stack: Running, tmp_path: Path) -> None:
    token = stack.kubectl("create", "token", "default").strip()
    written = stack.access.kubectl("config", "view", "--raw", "--flatten", "--minify", "-o", "json")
    document = json.loads(written)
    document["users"][0]["user"] = {"token": token}
    (tmp_path / "config").write_text(json.dumps(document))
    weak = Running(
        Access(stack.access.program, str(tmp_path / "config"), stack.access.context),
        stack.namespace,
        stack.file,
    )
    file = str(stack.file.parent / "token")
    said = weak.run("secret", "git", "other", "--username", "x", "--token-file", file, check=False)
    assert (said.code, "no right" in said.err) == (1, True), said
    said = weak.run("secret", "rotate-database", check=False)
    assert (said.code, "no right" in said.err) == (1, True), said


def test_a_rotation_waits_for_runs_unless_it_is_forced(stack: Running) -> None:
    stack.sql(RUN)
    before = password(stack)
    try:
        said = stack.run("secret", "rotate-database", check=False)
        assert (said.code, "0a1b2c3d of load & clean (started)" in said.err) == (1, True), said
        assert password(stack) == before
    finally:
        stack.sql("DELETE FROM runs WHERE run_id = '0a1b2c3d-0000'")


def test_a_database_of_somebody_else_is_left_to_them(stack: Running, connection: Connection) -> None:
    text = stack.file.read_text()
    try:
        stack.configure(postgres={"external": {"host": "db.test"}})
        said = stack.run("secret", "rotate-database", check=False)
        assert (said.code, "kubectl annotate" in said.err) == (2, True), said
        stack.configure(postgres={"password_secret": "private"})
        said = stack.run("secret", "rotate-database", check=False)
        assert (said.code, "not made by this stack" in said.err) == (2, True), said
    finally:
        stack.file.write_text(text)


@pytest.mark.parametrize("step", ["before Postgres learns it", "after Postgres learned it"])
def test_a_rotation_that_was_killed_is_finished_by_another(
    stack: Running, connection: Connection, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """What the pods still have is mended by the rotation further below."""
    old, configuration = password(stack), load(stack.file)
    place = postgres.find(connection, configuration, "")
    real = postgres.psql

    def killed(*given: Any) -> str:
        if step.startswith("after"):
            real(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(postgres, "psql", killed)
        with pytest.raises(KeyboardInterrupt):
            rotation.rotate(connection, configuration, place, lambda message: None)
    begun = password(stack, rotation.NEXT_KEY)
    assert (password(stack), bool(begun)) == (old, True)
    assert is_let_in(stack, begun) is step.startswith("after")

    rotation.rotate(connection, configuration, place, lambda message: None)
    assert (password(stack), password(stack, rotation.NEXT_KEY)) == (begun, "")
    assert (is_let_in(stack, begun), is_let_in(stack, old)) == (True, False)


def test_a_stranger_who_changes_the_secret_meanwhile_is_not_overwritten(
    stack: Running, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration, real = load(stack.file), postgres.psql
    place = postgres.find(connection, configuration, "")

    def slow(*given: Any) -> str:
        stack.kubectl("annotate", "secret", "dagster-postgres", "example.test/note=x")
        return real(*given)

    monkeypatch.setattr(postgres, "psql", slow)
    with pytest.raises(PlaygroundError, match="Somebody else changed"):
        rotation.rotate(connection, configuration, place, lambda message: None)
    assert is_let_in(stack, password(stack, rotation.NEXT_KEY)), "the next rotation finishes it"


def wait_until_well(stack: Running) -> None:
    """A webserver that was started anew may have looked at a location just before it was switched; and a tick
    that failed while the database let nobody in is told until the next one.
    """

    def told() -> list[dict[str, Any]]:
        found = stack.run("health", "--json", check=False).document["findings"]
        return [one for one in found if one["check"] != "ticks"]

    wait_until_nothing_is_told(told)


def test_a_rotation_reaches_everything_and_is_seen_nowhere(stack: Running) -> None:
    old, before = password(stack), numbers(stack)
    own = secret_away(stack, OF_NAMESPACE[0])["password"]
    stack.sql(RUN)
    said = stack.run("secret", "rotate-database", "--force")
    new = password(stack)
    assert "ends: run 0a1b2c3d" in said.err
    assert (old != new, is_let_in(stack, new), is_let_in(stack, old)) == (True, True, False)
    assert [name for name, number in numbers(stack).items() if number <= before[name]] == []
    wait_until_well(stack)
    stack.sql("DELETE FROM runs WHERE run_id = '0a1b2c3d-0000'")
    now, there = (secret_away(stack, name)["password"] for name in OF_NAMESPACE)
    assert (there, now != own) == (new, True)
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        connected_away(stack, password=own)
    stack.wait_for_success(stack.launch(APART, "writing"))
    assert seen_away(stack)
    seen = everywhere(stack) + f"{said}"
    assert "dagster-postgres" in seen
    words = (old, new, own, now, base64.b64encode(new.encode()).decode())
    assert [word for word in words if word in seen] == []


def test_secrets_that_code_tells_when_it_fails_are_masked_wherever_it_is_shown(
    stack: Running, database_stack: DatabaseStack
) -> None:
    whole = stack.file.read_text()
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "canaries"}, "stringData": WORDS}
    stack.access.apply(secret, namespace=stack.namespace)
    document = yaml.safe_load(whole)
    document["code_locations"][0]["pod"] = {"environment_from_secrets": ["canaries"]}
    stack.file.write_text(yaml.safe_dump(document))
    before = numbers(stack)
    code = database_stack.code(A)
    code.commit_text(TELLS, "Tell everything")
    stack.run("deploy", "--components", "foundation,configuration")
    run = stack.launch("ops", "redeploy", {"locations": ["a"]})
    assert stack.wait_for_run(run) == "FAILURE"
    said = stack.run("redeploy", "a", check=False)
    assert (said.code, "was rejected at" in f"{said}", numbers(stack)) == (1, True, before), said
    told = [f"{said}", everywhere(stack), stack.sql(EVENTS), stack.run("history", "a", "--json").out]
    for place in told:
        assert "postgresql://***@warehouse:5432/sales" in place
        assert [word for word in WORDS.values() if word in place] == []
    code.commit("first")
    stack.file.write_text(whole)
    stack.run("deploy", "--components", "foundation,configuration")
