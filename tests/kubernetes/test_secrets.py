"""Secrets of a stack that runs: who gets a new one, who may write it, and where it never appears."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
import yaml

from playground_ops.config import load
from playground_ops.targets.kubernetes.api.connection import Connection, Question
from playground_ops.targets.kubernetes.objects.secret_versions import versions
from tests.cluster import gitservers
from tests.kubernetes.database import PRIVATE, A, DatabaseStack, everywhere, numbers
from tests.kubernetes.stacks import ClusterStack

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
EVENTS = "SELECT coalesce(string_agg(event, ' '), '') FROM event_logs"


@pytest.fixture(scope="module")
def stack(database_stack: DatabaseStack) -> ClusterStack:
    return database_stack.whole()


def test_a_changed_secret_reaches_the_pods_that_read_it_and_no_other(
    stack: ClusterStack, connection: Connection
) -> None:
    before = numbers(stack)
    pods = {app: stack.uids(app) for app in ("webserver", "daemon", "postgres")}
    known = versions(connection, load(stack.config))
    stack.kubectl("annotate", "--overwrite", "secret", PRIVATE, f"{SECRET_VERSION}=1")
    assert versions(connection, load(stack.config)) == {**known, PRIVATE: "1"}
    stack.ok("deploy")
    assert numbers(stack) == {**before, "a": before["a"] + 1}
    now = {app: stack.uids(app) for app in pods}
    assert {app for app in pods if now[app] != pods[app]} == {"webserver"}
    assert "Nothing to do" in stack.ok("deploy")


def test_no_content_of_a_secret_is_asked_for(
    stack: ClusterStack, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bytes] = []
    real = Connection.answer

    def listening(self: Connection, asked: Question) -> bytes:
        heard.append(real(self, asked))
        return heard[-1]

    monkeypatch.setattr(Connection, "answer", listening)
    versions(connection, load(stack.config))
    assert heard
    assert all("data" not in json.loads(answer) for answer in heard)


def test_a_secret_is_made_of_files_and_replaced(stack: ClusterStack, tmp_path: Path) -> None:
    token = stack.config.parent / "token"
    given = ("secret", "git", "fresh", "--username", "reader", "--token-file", str(token))
    assert "created" in stack.ok(*given)
    made = stack.get("secret", "fresh")
    assert base64.b64decode(made["data"]["password"]).decode() == token.read_text()
    first = made["metadata"]["annotations"]["playground.dagster/secret-version"]
    said = stack.done(*given, "--json")
    assert json.loads(said.stdout) == {"secret": "fresh", "done": "replaced", "locations": []}
    second = stack.get("secret", "fresh")["metadata"]["annotations"]["playground.dagster/secret-version"]
    assert first != second
    assert first[:8].isdigit()
    assert token.read_text() not in f"{said}"


@pytest.mark.parametrize("name", ["private", "dagster-postgres"])
def test_what_somebody_else_made_is_not_overwritten(stack: ClusterStack, name: str) -> None:
    before = stack.get("secret", name)
    token = str(stack.config.parent / "token")
    said = stack.run("secret", "git", name, "--username", "x", "--token-file", token)
    assert (said.returncode, "was not made by this command" in said.stderr) == (1, True), said
    assert stack.get("secret", name) == before


def test_credentials_of_the_other_kind_are_refused(stack: ClusterStack, tmp_path: Path) -> None:
    with gitservers.by_ssh(tmp_path, tmp_path) as ssh:
        (tmp_path / "key").write_text(ssh.key)
        (tmp_path / "hosts").write_text(ssh.known_hosts)
    files = ("--ssh-key", str(tmp_path / "key"), "--known-hosts", str(tmp_path / "hosts"))
    said = stack.run("secret", "git", "private", *files)
    assert (said.returncode, "fetched over HTTP" in said.stderr) == (2, True), said
    assert stack.run("secret", "git", "Upper_Case", *files).returncode == 2
    assert stack.run("secret", "git", "x", *files[:2]).returncode == 2


def test_whoever_may_not_write_secrets_is_told(stack: ClusterStack, tmp_path: Path) -> None:
    weak = stack.as_its_account(tmp_path)
    file = str(stack.config.parent / "token")
    said = weak.run("secret", "git", "other", "--username", "x", "--token-file", file)
    assert (said.returncode, "no right" in said.stderr) == (1, True), said
    said = weak.run("secret", "rotate-database")
    assert (said.returncode, "no right" in said.stderr) == (1, True), said


def test_secrets_that_code_tells_when_it_fails_are_masked_wherever_it_is_shown(
    stack: ClusterStack, database_stack: DatabaseStack
) -> None:
    whole = stack.config.read_text()
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "canaries"}, "stringData": WORDS}
    stack.access.apply(secret, namespace=stack.namespace)
    document = yaml.safe_load(whole)
    document["code_locations"][0]["pod"] = {"environment_from_secrets": ["canaries"]}
    stack.config.write_text(yaml.safe_dump(document))
    before = numbers(stack)
    code = database_stack.code(A)
    code.commit_text(TELLS, "Tell everything")
    stack.ok("deploy", "--components", "foundation,configuration")
    run = stack.launch("ops", "redeploy", {"locations": ["a"]})
    assert stack.wait_for_run(run) == "FAILURE"
    said = stack.run("redeploy", "a")
    printed = said.stdout + said.stderr
    assert (said.returncode, "was rejected at" in printed, numbers(stack)) == (1, True, before), said
    told = [printed, everywhere(stack), stack.sql(EVENTS), stack.ok("history", "a", "--json")]
    for place in told:
        assert "postgresql://***@warehouse:5432/sales" in place
        assert [word for word in WORDS.values() if word in place] == []
    code.commit("first")
    stack.config.write_text(whole)
    stack.ok("deploy", "--components", "foundation,configuration")
