"""Dagster's role in the stack's own Postgres: what a plan tells, what a deploy does, and what health says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from playground_ops.checks import drift, room
from playground_ops.checks.folding import fold
from playground_ops.checks.topic import Topic
from playground_ops.config import read
from playground_ops.core.component import Database
from playground_ops.core.plan import Change, Plan
from playground_ops.targets.kubernetes.api.credentials import Access
from playground_ops.targets.kubernetes.objects import database_role
from playground_ops.targets.kubernetes.outside import postgres, preflight, roles
from tests.apiserver import Server, Written

CONFIGURATION = read("kubernetes: {namespace: team}", Path("x.yaml"))
EXTERNAL = read("kubernetes: {namespace: team}\npostgres: {external: {host: db}}", Path("x.yaml"))


def server(claim: str = "1") -> dict[str, Any]:
    noted = {database_role.ROLES_SETTLED: claim} if claim else {}
    metadata = {"name": "dagster-postgres", "namespace": "team", "annotations": noted}
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata}


def claim(uid: str = "1") -> dict[str, Any]:
    metadata = {"name": "data-dagster-postgres-0", "namespace": "team", "uid": uid}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata}


def told(*objects: dict[str, Any], access: Access = Access.PERSON) -> list[tuple[str | None, str, bool]]:
    found = database_role.planned(Server(Written(*objects), access), CONFIGURATION)
    return [(one.object, one.action, one.needs_bootstrap) for one in found]


def test_a_plan_tells_that_the_role_is_to_lose_the_rights_of_a_superuser() -> None:
    assert told(server(""), claim()) == [("role/dagster", "update", False)]
    assert told(server(""), claim(), access=Access.OPS) == [("role/dagster", "update", True)], "not by `ops`"
    assert told(server(), claim()) == []
    assert told(server(), claim("2")) == [("role/dagster", "update", False)], "another claim, other roles"
    assert told(server(), *()) == [("role/dagster", "update", False)], "none at all"
    assert told() == [], "nothing is there yet: a bootstrap does it"
    assert database_role.planned(Server(Written(server(""), claim())), EXTERNAL) == []


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []

    def settle(connection: Server, *given: object) -> None:
        found.append("settled")
        connection.written.objects.update(Written(server(), claim()).objects)

    monkeypatch.setattr(roles, "settle", settle)
    monkeypatch.setattr(postgres, "running", lambda *given: None)
    return found


def changes(component: str) -> list[Change]:
    return [Change(component=component, kind="stack", action="update", object="x/y")]


def test_a_deploy_settles_it_once_with_whatever_else_of_postgres_it_changes(settled: list[str]) -> None:
    found = Server(Written(server(""), claim()))
    roles.ensure(found, CONFIGURATION, changes("webserver"), print)
    assert settled == [], "a deploy of one component changes no other"
    for _ in range(2):
        roles.ensure(found, CONFIGURATION, changes("postgres"), print)
    roles.ensure(Server(Written(server(""), claim())), EXTERNAL, changes("postgres"), print)
    assert settled == ["settled"]


def test_what_health_says_of_it_is_one_row_and_its_command_is_the_annotation() -> None:
    mighty = Database(bytes_used=1, too_many_rights=("superuser", "createrole"))
    (found,) = room.rights(mighty)
    assert found.observed == "In the stack's Postgres it has what it should not have: superuser, createrole."
    assert f"dagster-postgres {database_role.ROLES_SETTLED}-`" in found.fix
    assert room.rights(Database(bytes_used=1)) == []
    plan = Plan(changes=tuple(database_role.planned(Server(Written(server(""), claim())), CONFIGURATION)))
    _, differs = drift.check(plan)
    report = {"postgres": {Topic.HEALTHY: [found], Topic.AS_CONFIGURED: differs["postgres"]}}
    assert [(name, topic) for name, topic, _ in fold(report).worst] == [("postgres", Topic.HEALTHY)]  # type: ignore[arg-type]


class Reviewed(Server):
    """An API server that says whether one may run commands in pods."""

    def __init__(self, allowed: bool, *objects: dict[str, Any]) -> None:
        super().__init__(Written(*objects))
        self.allowed = allowed

    def request(self, method: str, where: str, body: Any = None, *more: Any, **named: Any) -> Any:
        if where.endswith("/selfsubjectaccessreviews"):
            assert body["spec"]["resourceAttributes"]["subresource"] == "exec"
            return {"status": {"allowed": self.allowed}}
        return super().request(method, where, body, *more, **named)


def test_whoever_may_not_run_commands_in_pods_is_told_before_anything_is_written() -> None:
    refused = list(preflight._commands(Reviewed(False, server(""), claim()), CONFIGURATION))
    assert [one.observed for one in refused] == ["In namespace team there is no right to create pods/exec."]
    assert list(preflight._commands(Reviewed(True, server(""), claim()), CONFIGURATION)) == []
    assert list(preflight._commands(Reviewed(False, server(), claim()), CONFIGURATION)) == [], "not due"
    assert list(preflight._commands(Reviewed(False), EXTERNAL)) == []


def test_a_settled_stack_is_noted_on_its_statefulset() -> None:
    found = Server(Written(server(""), claim("7")))
    database_role.note(found, CONFIGURATION)
    where = "/apis/apps/v1/namespaces/team/statefulsets/dagster-postgres"
    assert ("PATCH", where) in found.asked
    assert found.written.objects[where]["metadata"]["annotations"] == {database_role.ROLES_SETTLED: "7"}


def test_scripts_reach_postgres_by_standard_input_as_the_role_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def output(connection: object, place: object, command: list[str], given: bytes) -> str:
        user = command[command.index("--username") + 1]
        assert b"rolsuper" in given
        return superusers[user]

    superusers = {"dagster": "t"}
    monkeypatch.setattr(postgres, "output", output)
    assert postgres.superuser(None, None) == postgres.AS_OWNER  # type: ignore[arg-type]
    superusers["dagster"] = "f"
    assert postgres.superuser(None, None) == postgres.AS_ADMIN  # type: ignore[arg-type]
