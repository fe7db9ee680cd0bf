"""Databases of deployments in one real Postgres: whose they are, what is told of them, whose a backup is.

Only the way to the server, a command in a pod, is another one.
"""

from __future__ import annotations

import shutil
import tempfile
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import yaml

from playground_ops.config import read
from playground_ops.core.errors import BadInput, PlaygroundError, certain
from playground_ops.targets.common.database_state import Measured, measure
from playground_ops.targets.common.instance import initialise
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.outside import backups, databases, postgres, roles, strangers
from playground_ops.targets.kubernetes.outside.executing import Ended, Place
from tests.apiserver import Server as Api
from tests.apiserver import Written
from tests.postgres import PASSWORD, Server, a_server, made
from tests.session.needs import POSTGRES, lacking, refuse

CONFIGURATION = read("kubernetes: {namespace: team}\ndeployments: [{name: next}]", Path("x.yaml"))
PLACE = Place("team", "dagster-postgres-0", "postgres")
NEXT, SECRET = "deployment_next", "/api/v1/namespaces/team/secrets/dagster-postgres-next"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    if lacking(POSTGRES):
        refuse(POSTGRES)
    folder = Path(tempfile.mkdtemp(prefix="pg-data-", dir="/tmp"))  # one that is not root reaches it
    with a_server(made(folder)) as started:
        yield started
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def in_the_pod(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    """Run on this machine what is meant for the pod of Postgres."""

    def output(connection: Any, place: Place, command: list[str], given: bytes) -> str:
        done = server.run(command, given)
        if done.returncode:
            raise PlaygroundError(certain(object=str(place), observed=done.stderr.decode(), cause="", fix=""))
        return done.stdout.decode()

    def execute(
        connection: Any,
        place: Place,
        command: Sequence[str],
        hear: Callable[[bytes], None],
        given: Iterable[bytes] = (),
    ) -> Ended:
        done = server.run(command, b"".join(given))
        hear(done.stdout)
        return Ended(done.returncode, done.stderr.decode())

    monkeypatch.setattr(postgres, "output", output)
    monkeypatch.setattr(backups, "execute", execute)
    monkeypatch.setattr(backups, "draining", lambda command: command)
    monkeypatch.setattr(roles.database_role, "note", lambda *given: None)


@pytest.fixture(scope="module")
def api(server: Server) -> Connection:
    """An API server with the Secret of the deployment."""
    data = {"password": b64encode(b"own-password").decode()}
    metadata = {"name": "dagster-postgres-next", "namespace": "team"}
    return Api(Written({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}))


def make(api: Connection) -> None:
    assert databases.make(api, PLACE, NEXT, SECRET) == "first"


@pytest.fixture
def home(server: Server, api: Connection, tmp_path: Path) -> Path:
    """A home of the deployment, whose database has Dagster's tables."""
    make(api)
    own = {"username": NEXT, "password": "own-password", "db_name": NEXT, "hostname": "127.0.0.1"}
    found = {**own, "port": server.port, "scheme": "postgresql+psycopg2"}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump({"storage": {"postgres": {"postgres_db": found}}}))
    initialise(tmp_path)
    return tmp_path


def is_let_in(server: Server, user: str, password: str, database: str) -> bool:
    try:
        with closing(server.connect(user=user, password=password, dbname=database)):
            return True
    except psycopg2.OperationalError as error:
        assert "permission denied for database" in str(error)
        return False


def test_each_role_is_let_into_its_own_database_alone(server: Server, api: Connection) -> None:
    """In a Postgres from before, in which Dagster's role is still a superuser, and after that."""
    make(api)
    assert is_let_in(server, NEXT, "own-password", NEXT)
    assert not is_let_in(server, NEXT, "own-password", "dagster")
    roles.settle(Api(Written()), read("", Path("x.yaml")), PLACE, lambda message: None)
    for _ in range(2):
        make(api)
    assert (
        is_let_in(server, NEXT, "own-password", NEXT),
        is_let_in(server, "dagster", PASSWORD, "dagster"),
    ) == (
        True,
        True,
    )
    for user, password, database in (
        (NEXT, "own-password", "dagster"),
        ("dagster", PASSWORD, NEXT),
        (NEXT, "own-password", "postgres"),
    ):
        assert not is_let_in(server, user, password, database)


def test_what_it_should_not_have_is_taken_away_when_it_is_made_again(
    server: Server, api: Connection, home: Path
) -> None:
    server.sql(f"ALTER ROLE {NEXT} CREATEDB; GRANT pg_monitor TO {NEXT}", "dagster_admin")
    assert measure(home, Measured.OWN)[0].too_many_rights == ("createdb", "pg_monitor")
    server.sql(f"ALTER DATABASE {NEXT} OWNER TO dagster_admin", "dagster_admin")
    make(api)
    state, on_disk = measure(home, Measured.OWN)
    assert (state.name, state.too_many_rights, on_disk) == (NEXT, (), 0)
    assert state.connections is None, "the server's connections are told once, of the main deployment"
    assert state.revision == state.wanted_revision
    owner = server.sql(f"SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '{NEXT}'")
    assert owner == NEXT


def test_it_is_no_stranger_unless_it_has_left_the_configuration(api: Connection, home: Path) -> None:
    assert strangers.find(api, CONFIGURATION, PLACE) == []
    told = {one.object for one in strangers.find(api, read("", Path("x.yaml")), PLACE)}
    assert told == {f"role/{NEXT}", f"database/{NEXT}"}


def test_a_backup_says_whose_it_is(server: Server, api: Connection, home: Path, tmp_path: Path) -> None:
    main, own = (backups.Kept(api, PLACE, CONFIGURATION, name) for name in ("main", "next"))
    file, count = tmp_path / "next.backup", lambda size: None
    server.sql("CREATE TABLE mark AS SELECT 'before' AS word", NEXT, NEXT)
    assert backups.back_up(own, file, count, overwrite=False) > 0
    with pytest.raises(
        BadInput, match="It is a backup of deployment next, and is to be restored to deployment main"
    ):
        backups.verify(main, file)
    backups.verify_any(main, file)
    server.sql("UPDATE mark SET word = 'after'", NEXT, NEXT)
    backups.restore(own, file, count)
    assert server.sql("SELECT word FROM mark", NEXT, NEXT) == "before"
    backups.restore(main, file, count)
    assert server.sql("SELECT word FROM mark") == "before"
    assert server.sql("SELECT tableowner FROM pg_tables WHERE tablename = 'mark'") == "dagster"
