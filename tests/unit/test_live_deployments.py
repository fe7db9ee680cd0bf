"""What is live of several deployments on Kubernetes: found, migrated, given databases, stopped; without a
cluster.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from playground_ops.config import read
from playground_ops.core.errors import BadInput, PlaygroundError, transient
from playground_ops.core.plan import Change, FieldChange, Plan
from playground_ops.diagnose.database import explain_database
from playground_ops.diagnose.server_log import explain_end
from playground_ops.render.names import MANAGER
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.credentials import Access
from playground_ops.targets.kubernetes.homes import Homes
from playground_ops.targets.kubernetes.logs.reading import selector_of
from playground_ops.targets.kubernetes.objects import database_mark, migration
from playground_ops.targets.kubernetes.objects.components import COMPONENT, standing, workloads
from playground_ops.targets.kubernetes.objects.database import ensure_database_passwords
from playground_ops.targets.kubernetes.objects.needed import with_needed
from playground_ops.targets.kubernetes.objects.references import references
from playground_ops.targets.kubernetes.objects.secret_versions import secrets_read
from playground_ops.targets.kubernetes.outside import deployment_databases
from playground_ops.targets.kubernetes.outside.stopping import Processes
from playground_ops.targets.kubernetes.pods.remote_job import Listener
from tests.apiserver import Server, Written

TEXT = """
kubernetes: {namespace: team}
deployments:
  - {name: next, webserver: {read_only: on}}
  - {name: quiet, daemon: off}
code_locations: [{name: a}, {name: b, deployment: next}]
"""
CONFIGURATION = read(TEXT, Path("x.yaml"))
EXTERNAL = """
kubernetes: {namespace: team}
deployments: [{name: next, postgres: {external: {host: db.test}, password_secret: theirs}}]
"""


def nobody(message: str) -> None: ...


@pytest.mark.parametrize(
    ("name", "kind", "deployment"),
    [
        ("postgres", "postgres", "main"),
        ("webserver", "webserver", "main"),
        ("webserver-read-only", "webserver", "main"),
        ("webserver-next", "webserver", "next"),
        ("webserver-read-only-next", "webserver", "next"),
        ("daemon-my-next", "daemon", "my-next"),
    ],
)
def test_a_component_says_of_which_deployment_it_is(name: str, kind: str, deployment: str) -> None:
    found = standing(name)
    assert found is not None
    assert (found.kind, found.deployment) == (kind, deployment)


@pytest.mark.parametrize(
    "name", ["a", "webservers", "instance-next", "workspace", "location", "postgres-next"]
)
def test_what_is_no_component_of_its_own_is_none(name: str) -> None:
    assert standing(name) is None


def test_no_deployment_is_named_like_a_second_webserver() -> None:
    with pytest.raises(BadInput, match="taken by the stack itself"):
        read("deployments: [{name: read-only-x}]", Path("x.yaml"))


class Cluster(Connection):
    """Stands in for an API server that has Deployments of these components, and no StatefulSet."""

    def __init__(self, *components: str) -> None:
        super().__init__("none")
        self.components = components

    def get(self, path: str, **query: str) -> Any:
        return None

    def request(self, method: str, where: str, *_: object, query: Any = None, **more: Any) -> Any:
        assert (method, where) == ("GET", "/apis/apps/v1/namespaces/team/deployments")
        assert query == {
            "labelSelector": f"app.kubernetes.io/managed-by={MANAGER},!playground.dagster/release"
        }
        return {"items": [{"metadata": {"labels": {COMPONENT: one}}} for one in self.components]}


def test_those_of_a_deployment_that_was_taken_out_are_seen_until_they_are_pruned() -> None:
    there = Cluster("daemon-gone", "daemon", "webserver-gone", "webserver-next", "webserver", "something")
    expected = ["webserver", "daemon", "webserver-gone", "daemon-gone", "webserver-next"]
    assert list(workloads(there, "team")) == expected


def test_logs_are_read_of_each_and_of_no_daemon_that_is_off() -> None:
    assert selector_of(CONFIGURATION, "daemon-next") == "app=dagster-daemon-next"
    assert selector_of(CONFIGURATION, "webserver-read-only-next") == "app=dagster-webserver-read-only-next"
    with pytest.raises(BadInput, match="There are: webserver, daemon, postgres, webserver-next"):
        selector_of(CONFIGURATION, "daemon-quiet")


def test_a_command_for_a_log_names_the_deployment() -> None:
    told = explain_end("pod/dagster-daemon-next-6bd9f7c5b8-bcdfg/daemon", "exit code 1", "")
    assert "`logs daemon-next --previous`" in told.fix


def changed(*objects: str) -> list[Change]:
    image = FieldChange(path="spec.template.spec.containers[x].image", before="1", after="2")
    return [
        Change(component="x", kind="stack", action="update", object=one, fields=(image,)) for one in objects
    ]


def test_a_database_is_migrated_where_its_own_processes_get_another_image() -> None:
    every = changed("deployment/dagster-daemon-next", "deployment/dagster-webserver")
    assert migration.due(CONFIGURATION, every) == ["main", "next"]
    assert migration.due(CONFIGURATION, changed("deployment/dagster-webserver-next")) == ["next"]
    assert migration.due(CONFIGURATION, changed("deployment/dagster-grpc-a-1")) == []
    new = Change(component="x", kind="stack", action="create", object="deployment/dagster-webserver-next")
    assert migration.due(CONFIGURATION, [new]) == [], "Dagster makes the tables of an empty database"


def test_a_new_webserver_comes_with_the_settings_that_it_mounts() -> None:
    actions = [
        ("configuration", "update"),
        ("instance", "update"),
        ("instance-next", "create"),
        ("workspace-next", "create"),
        ("webserver-next", "create"),
        ("daemon-next", "create"),
    ]
    whole = Plan(
        changes=tuple(
            Change(component=name, kind="stack", action=action, object=f"x/{name}")  # type: ignore[arg-type]
            for name, action in actions
        )
    )
    (named,) = [one for one in whole.changes if one.component == "webserver-next"]
    made = [one.component for one in with_needed(whole, [named])]
    assert made == ["instance-next", "workspace-next", "webserver-next"]
    rollout = Change(component="b", kind="location", action="create")
    also = Plan(changes=(*whole.changes, rollout))
    assert [one.component for one in with_needed(also, [rollout])] == ["configuration", "b"]


Migrated = Callable[..., list[str]]


@pytest.fixture
def migrated(monkeypatch: pytest.MonkeyPatch) -> Migrated:
    """Migrate, where the Job of one deployment fails. Returns what was said."""

    def migrate(failing: str, error: PlaygroundError | None = None) -> list[str]:
        said: list[str] = []

        def run_job(connection: object, job: dict[str, Any], what: str, listener: Listener) -> int:
            (container,) = job["spec"]["template"]["spec"]["containers"]
            user = next(one["value"] for one in container["env"] if one["name"] == "DAGSTER_PG_USER")
            said.append(f"job for {user}")
            if user != failing:
                return 0
            if error is not None:
                raise error
            listener.hear("KeyError: 'revision'")
            return 1

        monkeypatch.setattr(migration, "run_job", run_job)
        names = migration.due(CONFIGURATION, _all_of_them())
        migration.migrate(Connection("none"), CONFIGURATION, names, said.append)
        return said

    return migrate


def _all_of_them() -> list[Change]:
    return changed(*(f"deployment/dagster-webserver{one}" for one in ("", "-next", "-quiet")))


def test_each_schema_is_migrated_in_its_own_database(migrated: Migrated) -> None:
    assert [one for one in migrated("nobody") if one.startswith("job")] == [
        "job for dagster",
        "job for deployment_next",
        "job for deployment_quiet",
    ]


@pytest.mark.parametrize(
    ("failing", "done", "left"),
    [
        ("dagster", None, "not begun: next, quiet"),
        ("deployment_next", "migrated: main", "not begun: quiet"),
        ("deployment_quiet", "migrated: main, next", None),
    ],
)
def test_where_one_fails_all_outcomes_are_told(
    migrated: Migrated, failing: str, done: str | None, left: str | None
) -> None:
    with pytest.raises(PlaygroundError) as raised:
        migrated(failing)
    first, second = raised.value.findings
    assert "KeyError: 'revision'" in first.evidence
    assert [one for one in (done, left) if one and one not in second.observed] == []
    assert ("migrated:" in second.observed, "not begun:" in second.observed) == (
        done is not None,
        left is not None,
    )
    assert "no process has another image" in second.cause


def test_a_job_that_can_not_be_started_is_told_the_same_way(migrated: Migrated) -> None:
    full = PlaygroundError(transient(object="pod/x", observed="No room.", cause="", fix=""))
    with pytest.raises(PlaygroundError) as raised:
        migrated("deployment_next", full)
    assert [one.object for one in raised.value.findings] == ["pod/x", "databases"]


def test_every_deployment_gets_a_password_once() -> None:
    written = Written()
    for _ in range(2):
        ensure_database_passwords(Server(written), CONFIGURATION, nobody)
    names = sorted(one["metadata"]["name"] for one in written.objects.values())
    assert names == ["dagster-postgres", "dagster-postgres-next", "dagster-postgres-quiet"]
    assert len({one["stringData"]["password"] for one in written.objects.values()}) == 3
    theirs = Written()
    ensure_database_passwords(Server(theirs), read(EXTERNAL, Path("x.yaml")), nobody)
    assert [one["metadata"]["name"] for one in theirs.objects.values()] == ["dagster-postgres"]


def test_secrets_of_all_are_looked_at_and_those_of_others_must_be_there() -> None:
    names = {one.name for one in secrets_read(CONFIGURATION)}
    assert names == {"dagster-postgres", "dagster-postgres-next", "dagster-postgres-quiet"}
    (told,) = references(read(EXTERNAL, Path("x.yaml")))
    assert (told.name, told.purpose) == ("theirs", "the database of next's password, as `password`")


def server(**noted: str) -> dict[str, Any]:
    notes = {f"playground.dagster/database-{name}": value for name, value in noted.items()}
    metadata = {"name": "dagster-postgres", "namespace": "team", "annotations": notes}
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata}


def claim(uid: str = "1") -> dict[str, Any]:
    metadata = {"name": "data-dagster-postgres-0", "namespace": "team", "uid": uid}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata}


def planned(*objects: dict[str, Any], access: Access = Access.PERSON) -> list[tuple[str | None, bool]]:
    found = database_mark.planned(Server(Written(*objects), access), CONFIGURATION)
    return [(one.object, one.needs_bootstrap) for one in found]


def test_a_plan_tells_of_databases_that_nobody_has_made() -> None:
    both = [("database/deployment_next", False), ("database/deployment_quiet", False)]
    assert planned() == [], "a bootstrap does it"
    assert planned(server(), claim()) == both
    assert planned(server(next="1 first", quiet="1 first"), claim()) == []
    assert planned(server(next="1 first", quiet="1 first"), claim("2")) == both, "another claim"
    assert [one for _, one in planned(server(), claim(), access=Access.OPS)] == [True, True]
    assert database_mark.planned(Server(Written(server(), claim())), read(EXTERNAL, Path("x.yaml"))) == []


def test_a_database_is_made_once_and_again_with_another_password(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def make(connection: Connection, where: object, name: str, secret: str) -> str:
        made.append(name)
        return deployment_databases.databases.version_of(connection.metadata(secret))

    monkeypatch.setattr(deployment_databases.databases, "make", make)
    monkeypatch.setattr(deployment_databases.postgres, "running", lambda *given: object())
    one = read("kubernetes: {namespace: team}\ndeployments: [{name: next}]", Path("x.yaml"))
    there = Server(Written(server(), claim()))
    ensure_database_passwords(there, one, nobody)
    assert deployment_databases.is_any_due(there, one)
    for _ in range(2):
        deployment_databases.ensure(there, one, nobody)
    assert (made, deployment_databases.is_any_due(there, one)) == (["deployment_next"], False)
    secret = there.written.objects["/api/v1/namespaces/team/secrets/dagster-postgres-next"]
    secret["metadata"]["annotations"] = {"playground.dagster/secret-version": "2"}
    deployment_databases.ensure(there, one, nobody)
    assert made == ["deployment_next"] * 2
    database_mark.forget(there, one)
    assert deployment_databases.is_any_due(there, one), "what a role may is settled again with it"


def test_a_home_of_a_deployment_names_its_database_and_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = Homes(CONFIGURATION, tmp_path)
    assert homes.of("main") == tmp_path
    with pytest.raises(PlaygroundError, match="no password of its database"):
        homes.of("next")
    monkeypatch.setenv("DAGSTER_PG_PASSWORD_NEXT", "word")
    with ThreadPoolExecutor(8) as pool:
        (home,) = {*pool.map(homes.of, ["next"] * 32)}
    assert [one.name for one in home.iterdir()] == ["dagster.yaml"]
    found = yaml.safe_load((home / "dagster.yaml").read_text())["storage"]["postgres"]["postgres_db"]
    assert (found["username"], found["db_name"]) == ("deployment_next", "deployment_next")
    assert found["password"] == {"env": "DAGSTER_PG_PASSWORD_NEXT"}


@pytest.mark.parametrize(
    ("labels", "mine"),
    [
        ({COMPONENT: "webserver"}, "main"),
        ({COMPONENT: "location"}, "main"),
        ({COMPONENT: "run_worker", "playground.dagster/deployment": "next"}, "next"),
        ({COMPONENT: "location", "playground.dagster/deployment": "next"}, "next"),
        ({COMPONENT: "daemon-next", "playground.dagster/deployment": "next"}, "next"),
        ({COMPONENT: "postgres"}, None),
        ({COMPONENT: "backup", "playground.dagster/deployment": "next"}, None),
    ],
)
def test_only_processes_of_a_deployment_are_stopped_for_its_restore(
    labels: dict[str, str], mine: str | None
) -> None:
    names = ("main", "next")
    assert [one for one in names if Processes(Connection("none"), CONFIGURATION, one).are_of(labels)] == (
        [mine] if mine else []
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            'FATAL:  password authentication failed for user "deployment_next"',
            "rotate-database --deployment next`",
        ),
        ('FATAL:  database "deployment_next" does not exist', "playground.dagster/database-next-`"),
    ],
)
def test_what_is_said_of_a_database_is_of_its_deployment(words: str, told: str) -> None:
    found = explain_database(words, "deployment_next", "next")
    assert (found.object, told in found.fix) == ("database/deployment_next", True), found.fix
    assert "deployment" not in explain_database(words.replace("deployment_next", "dagster")).fix
