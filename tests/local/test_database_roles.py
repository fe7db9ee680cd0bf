"""What Dagster's role may do in the stack's own Postgres, how the rest is taken, what goes on meanwhile.

A real server takes the scripts; only the way to it, a command in a pod, is another one.
"""

from __future__ import annotations

import re
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psycopg2
import pytest
import yaml

from playground_ops.config import Configuration, read
from playground_ops.core.component import Backup
from playground_ops.core.errors import PlaygroundError, certain
from playground_ops.targets.common.database_state import Measured, measure
from playground_ops.targets.common.instance import opened
from playground_ops.targets.kubernetes.outside import backups, databases, postgres, roles, strangers
from playground_ops.targets.kubernetes.outside.executing import Place
from tests.postgres import PASSWORD, Server, a_server, made
from tests.session.needs import POSTGRES, lacking, refuse

PLACE = Place("team", "dagster-postgres-0", "postgres")
ATTACKS = {
    "runs a command": "CREATE TABLE told (line text); COPY told FROM PROGRAM 'id'",
    "reads a file": "SELECT pg_read_file('PG_VERSION')",
    "writes a file": "COPY (SELECT 1) TO '/tmp/written-by-postgres'",
    "makes a role": "CREATE ROLE evil SUPERUSER LOGIN",
    "makes itself a member": "GRANT pg_execute_server_program TO dagster",
    "makes a database": "CREATE DATABASE evil",
    "changes the server": "ALTER SYSTEM SET archive_command = 'id'",
    "reads passwords": "SELECT rolpassword FROM pg_authid",
    "takes it back": "ALTER ROLE dagster SUPERUSER",
    "becomes the superuser": "SET ROLE dagster_admin",
    "becomes another": "SET SESSION AUTHORIZATION location_orders",
    "loads a library": "LOAD '/tmp/evil.so'",
    "takes a language": "CREATE FUNCTION f() RETURNS int LANGUAGE c AS '/tmp/evil', 'f'",
    "sees all queries": "SET ROLE pg_monitor",
}
PLANTED = """
CREATE ROLE evil SUPERUSER LOGIN PASSWORD 'x';
CREATE ROLE "Odd one's" LOGIN;
CREATE ROLE dagster_admin SUPERUSER LOGIN PASSWORD 'x';
GRANT dagster TO location_orders;
GRANT pg_read_server_files TO location_orders;
CREATE FUNCTION mighty() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
ALTER SYSTEM SET archive_command = 'id';
ALTER ROLE location_orders SET session_preload_libraries = 'evil';
CREATE FUNCTION bang() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'bang'; END $$;
CREATE EVENT TRIGGER watching ON ddl_command_end EXECUTE FUNCTION bang();
"""
MADE = """
CREATE SCHEMA more;
CREATE TABLE more.kept (id serial PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY);
CREATE TABLE parts (n int) PARTITION BY LIST (n);
CREATE TABLE part PARTITION OF parts FOR VALUES IN (1);
CREATE VIEW seen AS SELECT 1 AS n;
CREATE MATERIALIZED VIEW looked AS SELECT 1 AS n;
CREATE TYPE kind AS ENUM ('a');
CREATE TYPE pair AS (a int, b int);
CREATE DOMAIN small AS int;
CREATE TYPE span AS RANGE (subtype = int);
CREATE FUNCTION one() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
CREATE PROCEDURE nothing() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE total(int) (sfunc = int4pl, stype = int);
SELECT lo_create(0);
"""
"""One of each kind of what a database may have that is not the system's own."""
NOT_ITS_OWN = """
SELECT count(*) FROM (
  SELECT oid FROM pg_class WHERE relowner = 10
  UNION ALL SELECT oid FROM pg_type WHERE typowner = 10 AND typname !~ 'multirange'
  UNION ALL SELECT oid FROM pg_proc WHERE proowner = 10 AND proname !~ '^span'
  UNION ALL SELECT oid FROM pg_namespace WHERE nspowner = 10
  UNION ALL SELECT oid FROM pg_largeobject_metadata WHERE lomowner = 10
) AS theirs WHERE oid >= 16384
"""
"""How much the superuser has of what MADE makes, but for what comes with a range, which Postgres gives it."""
SHORT = roles.SCRIPT.replace(f"interval '{roles.LEAVE_SECONDS} s'", "interval '0.2 s'")


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    if lacking(POSTGRES):
        refuse(POSTGRES)
    folder = Path(tempfile.mkdtemp(prefix="pg-data-", dir="/tmp"))  # one that is not root reaches it
    yield made(folder)
    shutil.rmtree(folder)


@pytest.fixture
def server(data: Path) -> Iterator[Server]:
    with a_server(data) as started:
        yield started


@pytest.fixture
def configuration() -> Configuration:
    isolation = {"isolation": {"namespace": "team-orders", "database": True}}
    text = yaml.safe_dump(
        {"kubernetes": {"namespace": "team"}, "code_locations": [{"name": "orders", **isolation}]}
    )
    return read(text, Path("x.yaml"))


@pytest.fixture(autouse=True)
def in_the_pod(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    """Run on this machine what is meant for the pod of Postgres."""

    def output(connection: Any, place: Place, command: list[str], given: bytes) -> str:
        assert place == PLACE
        done = server.run(command, given)
        if done.returncode:
            raise PlaygroundError(certain(object=str(place), observed=done.stderr.decode(), cause="", fix=""))
        return done.stdout.decode()

    monkeypatch.setattr(postgres, "output", output)
    monkeypatch.setattr(roles, "ATTEMPT_SECONDS", 0.0)
    monkeypatch.setattr(roles, "SCRIPT", SHORT)
    monkeypatch.setattr(roles.database_role, "note", lambda *given: None)


def settle(configuration: Configuration, told: list[str] | None = None) -> None:
    roles.settle(None, configuration, PLACE, (told if told is not None else []).append)  # type: ignore[arg-type]


@pytest.fixture
def dumps(monkeypatch: pytest.MonkeyPatch, server: Server) -> list[str]:
    """Whether Dagster's role was a superuser, each time that a backup was made."""
    found: list[str] = []

    def dump(*given: Any) -> Backup:
        found.append(server.sql("SELECT rolsuper FROM pg_roles WHERE rolname = 'dagster'"))
        return Backup(file="backups/x.backup", bytes=1)

    monkeypatch.setattr(roles, "dump", dump)
    return found


def with_an_isolated_one(server: Server, user: str = "dagster") -> None:
    """Make the database of `orders`, as a deploy does."""
    made = databases.SCRIPT.format(
        name="location_orders", verifier=postgres.verifier("own"), database="dagster", owner="dagster"
    )
    server.sql(made, user)


REFUSALS = ("permission denied", "must be", "must have", "is not allowed")


def is_let(server: Server, statement: str) -> bool:
    """Return whether Dagster's role has the right to it; nothing of it stays."""
    with closing(server.connect()) as session, session.cursor() as cursor:
        session.autocommit = statement.startswith(("CREATE DATABASE", "ALTER SYSTEM"))
        try:
            cursor.execute(statement)
        except psycopg2.Error as error:
            return not any(words in str(error) for words in REFUSALS)
        return True


def test_code_that_is_dagsters_role_is_no_superuser_afterwards(
    server: Server, configuration: Configuration
) -> None:
    with_an_isolated_one(server)
    assert {name for name, text in ATTACKS.items() if is_let(server, text)} == set(ATTACKS)
    server.sql("DROP DATABASE evil")
    settle(configuration)
    assert {name for name, text in ATTACKS.items() if is_let(server, text)} == set()
    for database in ("postgres", "template1", "location_orders"):
        with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
            server.connect(dbname=database)
    own = {"user": "location_orders", "password": "own"}
    server.connect(**own, dbname="location_orders").close()
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        server.connect(**own)


def test_nobody_is_the_superuser_over_a_network(server: Server, configuration: Configuration) -> None:
    server.sql("ALTER ROLE dagster SET work_mem = '1MB'")
    settle(configuration)
    assert server.sql("SELECT current_setting('is_superuser')", "dagster_admin") == "on"
    assert server.sql("SELECT rolpassword IS NULL FROM pg_authid WHERE oid = 10", "dagster_admin") == "t"
    server.sql("ALTER ROLE dagster_admin PASSWORD 'x'", "dagster_admin")
    with pytest.raises(psycopg2.OperationalError, match=r"pg_hba\.conf rejects"):
        server.connect(user="dagster_admin", password="x")
    settle(configuration)
    rules = (server.folder / "data" / "pg_hba.conf").read_text()
    assert rules.count("dagster_admin") == 1, "once, whatever is repeated"


@contextmanager
def dagster_home(server: Server, folder: Path) -> Iterator[Path]:
    found = {"username": "dagster", "password": PASSWORD, "hostname": "127.0.0.1", "db_name": "dagster"}
    given = {**found, "port": server.port, "scheme": "postgresql+psycopg2"}
    (folder / "dagster.yaml").write_text(yaml.safe_dump({"storage": {"postgres": {"postgres_db": given}}}))
    yield folder


def test_dagster_goes_on_with_what_it_has_and_health_tells_what_it_may(
    server: Server, configuration: Configuration, dumps: list[str], tmp_path: Path
) -> None:
    with dagster_home(server, tmp_path) as home, opened(home) as instance:
        server.sql(MADE)
        told: list[str] = []
        instance.get_runs_count()
        instance.all_instigator_state()
        before, _ = measure(home, Measured.SERVER)
        instance.create_run_for_job(_job(), run_id=None)
        settle(configuration, told)
        assert (dumps, told[0]) == (
            ["t"],
            "role dagster is a superuser: a backup, and then it is none",
        )
        assert server.sql(NOT_ITS_OWN, "dagster_admin") == "0"
        assert instance.get_runs_count() == 1
        instance.create_run_for_job(_job(), run_id=None)
        with_an_isolated_one(server, "dagster_admin")
        other = server.connect(user="location_orders", password="own", dbname="location_orders")
        after, on_disk = measure(home, Measured.SERVER)
        other.close()
        assert before.too_many_rights == ("superuser", "createrole", "createdb", "replication", "bypassrls")
        assert after.too_many_rights == ()
        assert after.connections is not None and after.connections >= 2, "others' sessions too"
        assert on_disk > 16 * 1024**2, "what it has written ahead, too"
        server.sql("GRANT pg_monitor TO dagster", "dagster_admin")
        assert measure(home, Measured.SERVER)[0].too_many_rights == ("pg_monitor",)
        assert measure(home, Measured.THEIRS)[0].too_many_rights == (), "another's database is its owner's"
        settle(configuration)
        assert measure(home, Measured.SERVER)[0].too_many_rights == ()
        assert dumps == ["t"], "a role that is none has no superuser's rights to lose"
        server.sql(
            "CREATE TABLE later (n int); ALTER TABLE runs ADD COLUMN later int; DROP SCHEMA more CASCADE"
        )


def _job() -> Any:
    import dagster as dg

    return dg.GraphDefinition(name="nothing").to_job()


def test_nothing_is_changed_without_a_backup(
    server: Server, configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.sql(
        "CREATE TABLE runs (n int); CREATE TABLE instigators (n int); INSERT INTO instigators VALUES (1)"
    )
    full = PlaygroundError(certain(object="pod/backup", observed="No space left.", cause="", fix=""))

    def dump(*given: Any) -> Backup:
        raise full

    monkeypatch.setattr(roles, "dump", dump)
    with pytest.raises(PlaygroundError, match="No space left"):
        settle(configuration)
    assert server.sql("SELECT count(*) FROM pg_roles WHERE oid >= 16384 OR rolname = 'dagster'") == "1"


CUTS = {
    "with a second superuser": r"ALTER ROLE dagster_migration LOGIN SUPERUSER PASSWORD NULL;\n",
    "in the transaction": r"(?=COMMIT;)",
    "with another name": r"COMMIT;\n",
    "with sessions from before": r"pg_stat_clear_snapshot\(\);\n  END LOOP;\nEND \$\$;\n",
    "with sessions ended": r"NOLOGIN NOSUPERUSER;\nEND \$\$;\n",
    "before what it owns is looked at again": r"CASCADE'.*?END \$\$;\n",
}


@pytest.mark.parametrize("where", CUTS)
def test_whoever_dies_under_it_the_next_one_ends_it(
    server: Server, configuration: Configuration, where: str
) -> None:
    server.sql("CREATE TABLE runs (n int)")
    found = re.search(CUTS[where], SHORT, re.DOTALL)
    assert found is not None
    server.run([*postgres.PSQL, *postgres.AS_OWNER], SHORT[: found.end()].encode())
    with closing(server.connect()) as session, session.cursor() as cursor:
        cursor.execute("INSERT INTO runs VALUES (1)")  # Dagster goes on in between
        session.commit()
    settle(configuration)
    told = server.sql("SELECT rolname, rolsuper FROM pg_roles WHERE oid = 10 OR oid >= 16384 ORDER BY 1")
    assert told == "dagster|f\ndagster_admin|t"
    assert server.sql("SELECT tableowner FROM pg_tables WHERE tablename = 'runs'") == "dagster"
    assert not is_let(server, ATTACKS["runs a command"])


def test_queries_go_on_meanwhile_and_a_session_that_stays_is_ended(
    server: Server, configuration: Configuration
) -> None:
    server.sql("CREATE TABLE runs (n int); CREATE TABLE ticks (n int)")
    over, failed, done = Event(), list[str](), list[int]()

    def query() -> None:
        while not over.is_set():
            try:
                with closing(server.connect()) as session, session.cursor() as cursor:
                    cursor.execute("INSERT INTO runs VALUES (1)")
                    cursor.execute("INSERT INTO ticks VALUES (1)")
                    session.commit()
                done.append(1)
            except psycopg2.Error as error:
                failed.append(str(error))

    threads = [Thread(target=query) for _ in range(2)]
    with closing(server.connect()) as old, old.cursor() as cursor:
        cursor.execute("SELECT 1")
        for thread in threads:
            thread.start()
        settle(configuration)
        before = len(done)
        while len(done) < before + 5 and not failed:
            over.wait(0.01)
        over.set()
        for thread in threads:
            thread.join()
        with pytest.raises(psycopg2.Error, match=r"terminating connection|closed the connection"):
            cursor.execute("CREATE ROLE evil SUPERUSER LOGIN")
    assert failed == []
    assert server.sql("SELECT count(*) FROM runs") == str(len(done))


def test_a_backup_from_before_and_one_from_after_are_restored(
    server: Server, configuration: Configuration
) -> None:
    server.sql(f"CREATE TABLE runs (n int); INSERT INTO runs VALUES (1); {MADE}")
    before = server.run([*backups.DUMP, *postgres.AS_OWNER])
    settle(configuration)
    after = server.run([*backups.DUMP, *postgres.AS_OWNER])
    for dump in (before, after):
        assert dump.returncode == 0, dump.stderr
        server.sql("INSERT INTO runs VALUES (2)")
        ended = server.run([*backups.RESTORE, *postgres.AS_OWNER], dump.stdout)
        assert ended.returncode == 0, ended.stderr
        assert server.sql("SELECT n FROM runs") == "1"
    assert server.sql(NOT_ITS_OWN, "dagster_admin") == "0"


def test_what_is_not_the_stacks_is_named_and_each_printed_command_takes_it_away(
    server: Server, configuration: Configuration
) -> None:
    with_an_isolated_one(server)
    server.sql(PLANTED)
    server.sql("""CREATE DATABASE "it's =odd\\" """)
    hidden = "CREATE FUNCTION hidden() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'"
    server.sql(hidden, database="postgres")
    settle(configuration)
    found = strangers.find(None, configuration, PLACE)  # type: ignore[arg-type]
    namesake = server.sql("SELECT rolsuper, rolcanlogin FROM pg_roles WHERE rolname ~ '^dagster_admin_'")
    assert namesake == "f|f", "it was no superuser of the stack's, and is none at all"
    told = {one.object: one.observed for one in found}
    assert set(told) == {
        *("role/evil", "role/Odd one's", "role/location_orders"),
        *("database/it's =odd\\", "event-trigger/watching", "function/public.hidden()"),
        *("setting/archive_command", "setting/location_orders"),
    }
    assert "superuser, may log in" in told["role/evil"]
    assert "member of pg_read_server_files" in told["role/location_orders"]
    assert "in database postgres" in told["function/public.hidden()"]
    for one in found:
        *kubectl, rest = re.findall(r"`(.*)`", one.fix)[0].partition(" -- ")
        assert kubectl[0] == "kubectl exec --namespace team dagster-postgres-0"
        done = server.run(shlex.split(rest))
        assert done.returncode == 0, (one.object, done.stderr)
    assert strangers.find(None, configuration, PLACE) == []  # type: ignore[arg-type]
    server.connect(user="location_orders", password="own", dbname="location_orders").close()
    with pytest.raises(psycopg2.OperationalError, match="not permitted to log in"):
        server.connect(user="evil", password="x")


def test_a_stack_without_strangers_has_none(server: Server, configuration: Configuration) -> None:
    with_an_isolated_one(server)
    server.sql(MADE)
    settle(configuration)
    assert strangers.find(None, configuration, PLACE) == []  # type: ignore[arg-type]


def test_another_first_superuser_is_left_as_it_is(server: Server, configuration: Configuration) -> None:
    """As after `pg_upgrade` from a server that somebody else had made."""
    server.sql("CREATE ROLE aid SUPERUSER LOGIN")
    server.sql("ALTER ROLE dagster RENAME TO postgres", "aid", "postgres")
    server.sql("CREATE ROLE dagster SUPERUSER LOGIN; DROP ROLE aid", "postgres")
    settle(configuration)
    told = server.sql("SELECT rolname, rolsuper FROM pg_roles WHERE oid = 10 OR oid >= 16384 ORDER BY 1")
    assert told == "dagster|f\ndagster_admin|t\npostgres|t"
