"""The database's password changes: for everybody at once, killed at any step, and seen nowhere."""

from __future__ import annotations

import base64
import json
from typing import Any

import psycopg2
import pytest

from playground_ops.config import load
from playground_ops.core.errors import PlaygroundError
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.outside import postgres, rotation
from tests.ailing import LAST_ROLLOUT, wait_until_nothing_is_told
from tests.kubernetes.database import (
    DatabaseStack,
    connected_away,
    everywhere,
    next_numbers,
    numbers,
    secret_away,
    written_by_a_run,
)
from tests.kubernetes.stacks import ClusterStack

RUN = """INSERT INTO runs (run_id, pipeline_name, status, run_body)
VALUES ('0a1b2c3d-0000', 'load & clean', 'STARTED', '{}')"""
OF_NAMESPACE = ("dagster-database", "dagster-postgres")
"""Secrets with passwords, in an isolated location's namespace: its own role's, and Dagster's."""


@pytest.fixture(scope="module")
def stack(database_stack: DatabaseStack) -> ClusterStack:
    return database_stack.whole()


def password(stack: ClusterStack, key: str = "password") -> str:
    data = stack.get("secret", "dagster-postgres")["data"]
    return base64.b64decode(data[key]).decode() if key in data else ""


def is_let_in(stack: ClusterStack, word: str) -> bool:
    """Return whether Postgres accepts the password over the network, by which every component connects."""
    host = stack.get("service", "dagster-postgres")["spec"]["clusterIP"]
    try:
        psycopg2.connect(
            host=host, user="dagster", dbname="dagster", password=word, connect_timeout=10
        ).close()
    except psycopg2.OperationalError as error:
        assert "password authentication failed" in str(error)
        return False
    return True


def in_pods(whole: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration for runs in pods, which an isolated location can't have."""
    together = [one for one in whole["code_locations"] if "isolation" not in one]
    return {**whole, "run_launcher": "kubernetes", "code_locations": together}


def test_a_rotation_waits_for_runs_unless_it_is_forced_and_so_does_another_launcher(
    stack: ClusterStack,
) -> None:
    stack.sql(RUN)
    before, whole = password(stack), stack.config.read_text()
    try:
        said = stack.run("secret", "rotate-database")
        assert (said.returncode, "0a1b2c3d of load & clean (started)" in said.stderr) == (1, True), said
        assert password(stack) == before
        stack.config.write_text(json.dumps(in_pods(json.loads(whole))))
        said = stack.run("deploy")
        assert (said.returncode, "another launcher, and 1 are under way" in said.stderr) == (1, True), said
    finally:
        stack.config.write_text(whole)
        stack.sql("DELETE FROM runs WHERE run_id = '0a1b2c3d-0000'")


def test_a_database_of_somebody_else_is_left_to_them(stack: ClusterStack, connection: Connection) -> None:
    text = stack.config.read_text()
    try:
        stack.configure(postgres={"external": {"host": "db.test"}})
        said = stack.run("secret", "rotate-database")
        assert (said.returncode, " annotate --overwrite secret " in said.stderr) == (2, True), said
        stack.configure(postgres={"password_secret": "private"})
        said = stack.run("secret", "rotate-database")
        assert (said.returncode, "not made by this stack" in said.stderr) == (2, True), said
    finally:
        stack.config.write_text(text)


@pytest.mark.parametrize("step", ["before Postgres learns it", "after Postgres learned it"])
def test_a_rotation_that_was_killed_is_finished_by_another(
    stack: ClusterStack, connection: Connection, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """What the pods still have is fixed by the rotation further below."""
    old, configuration = password(stack), load(stack.config)
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
    stack: ClusterStack, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration, real = load(stack.config), postgres.psql
    place = postgres.find(connection, configuration, "")

    def slow(*given: Any) -> str:
        stack.kubectl("annotate", "secret", "dagster-postgres", "example.test/note=x")
        return real(*given)

    monkeypatch.setattr(postgres, "psql", slow)
    with pytest.raises(PlaygroundError, match="Somebody else changed"):
        rotation.rotate(connection, configuration, place, lambda message: None)
    assert is_let_in(stack, password(stack, rotation.NEXT_KEY)), "the next rotation finishes it"


def wait_until_well(stack: ClusterStack) -> None:
    """Wait until `health` reports nothing. A restarted webserver may have checked a location just before its
    switch; and a tick that failed while the database refused logins is reported until the next one."""

    def told() -> list[dict[str, Any]]:
        found = json.loads(stack.run("health", "--json").stdout)["findings"]
        return [one for one in found if one["check"] not in ("ticks", LAST_ROLLOUT)]

    wait_until_nothing_is_told(told)


def test_a_rotation_reaches_everything_and_is_seen_nowhere(stack: ClusterStack) -> None:
    old, there, following = password(stack), numbers(stack), next_numbers(stack)
    expected = {name: following[name] for name in there}  # history has those too that an earlier file had
    own = secret_away(stack, OF_NAMESPACE[0])["password"]
    stack.sql(RUN)
    said = stack.done("secret", "rotate-database", "--force")
    new = password(stack)
    assert "ends: run 0a1b2c3d" in said.stderr
    assert "not of this configuration" not in said.stderr, "nobody but the stack has anything in Postgres"
    assert (old != new, is_let_in(stack, new), is_let_in(stack, old)) == (True, True, False)
    assert numbers(stack) == expected
    stack.sql("DELETE FROM runs WHERE run_id = '0a1b2c3d-0000'")  # no run of Dagster's: it can't show it
    wait_until_well(stack)
    now, given = (secret_away(stack, name)["password"] for name in OF_NAMESPACE)
    assert (given, now != own) == (new, True)
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        connected_away(stack, password=own)
    assert written_by_a_run(stack) == ["prices"]
    seen = everywhere(stack) + f"{said}"
    assert "dagster-postgres" in seen
    words = (old, new, own, now, base64.b64encode(new.encode()).decode())
    assert [word for word in words if word in seen] == []
