"""The database of a real stack: written to a file, lost, brought back; and all that is refused."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest
import yaml

from playground_ops.config import load
from playground_ops.errors import BadInput, PlaygroundError
from playground_ops.render.backup import FOLDER
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.outside import backups, postgres, stopping
from playground_ops.targets.kubernetes.outside.executing import Place
from tests.asking import eventually
from tests.cluster import faults
from tests.cluster.access import Access
from tests.cluster.cluster import Cluster
from tests.cluster.images import dagster
from tests.kubernetes.connections import connected
from tests.kubernetes.database import APART, DatabaseStack, away
from tests.kubernetes.running import Running

IN_WEBSERVER = ("exec", "deploy/dagster-webserver", "--")
INSERT = "INSERT INTO runs (run_id, pipeline_name, status, run_body) VALUES ('{0}', 'kept', '{1}', '{{}}')"
KEPT = "SELECT count(*) FROM runs WHERE pipeline_name = 'kept'"


@pytest.fixture(scope="module")
def stack(cluster: Cluster, database_stack: DatabaseStack) -> Running:
    return database_stack.whole()


@pytest.fixture
def connection(access: Access) -> Connection:
    return connected(access)


@pytest.fixture
def place(connection: Connection, stack: Running) -> Place:
    eventually("Postgres to be ready", lambda: postgres_is_ready(connection, stack), every_seconds=0.5)
    return postgres.find(connection, load(stack.file), "")


def postgres_is_ready(connection: Connection, stack: Running) -> bool:
    try:
        postgres.active_runs(connection, postgres.find(connection, load(stack.file), ""))
    except PlaygroundError:
        return False
    return True


@pytest.fixture(scope="module")
def backup(stack: Running, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a database with one run that is kept."""
    path = tmp_path_factory.mktemp("backup") / "stack.backup"
    stack.sql(INSERT.format("first", "SUCCESS"))
    stack.run("backup", str(path))
    return path


@pytest.fixture
def file(stack: Running, place: Place, backup: Path, tmp_path: Path) -> Path:
    """A copy of it, and the database as it was."""
    stack.sql(f"DELETE FROM runs WHERE pipeline_name = 'kept'; {INSERT.format('first', 'SUCCESS')}")
    return Path(shutil.copy(backup, tmp_path))


def test_a_backup_is_whole_and_for_its_owner(
    stack: Running, backup: Path, place: Place, connection: Connection
) -> None:
    assert backup.read_bytes()[:5] == b"PGDMP"
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert list(backup.parent.iterdir()) == [backup]
    backups.verify(connection, place, backup)


def test_another_is_not_overwritten_unless_that_is_said(stack: Running, file: Path) -> None:
    before = hashlib.sha256(file.read_bytes()).digest()
    said = stack.run("backup", str(file), check=False)
    assert (said.code, "It is there already" in said.err) == (2, True), said
    assert hashlib.sha256(file.read_bytes()).digest() == before
    said = stack.run("backup", str(file), "--force", "--json")
    assert said.document == {"file": str(file), "bytes": file.stat().st_size}
    assert said.err == ""


def test_what_was_lost_comes_back_and_the_stack_runs_on_it(stack: Running, file: Path) -> None:
    stack.run("backup", str(file), "--force")
    (number,) = [one["release"] for one in stack.status()["locations"] if one["name"] == "a"]
    before = {"ticks": stack.sql("SELECT count(*) FROM instigators"), "kept": stack.sql(KEPT)}
    stack.sql("DELETE FROM runs WHERE pipeline_name = 'kept'; DROP TABLE instigators CASCADE")
    stack.sql(INSERT.format("second", "SUCCESS"))
    said = stack.run("restore", str(file), "--stop", "--force")
    assert "dagster-webserver stops" in said.err
    assert f"dagster-grpc-a-{number} starts" in said.err
    assert f"dagster-grpc-{APART}-" in said.err, "in its namespace too"
    assert {"ticks": stack.sql("SELECT count(*) FROM instigators"), "kept": stack.sql(KEPT)} == before
    assert stack.sql("SELECT run_id FROM runs WHERE pipeline_name = 'kept'") == "first"
    becomes_well(stack)
    assert "Nothing to do" in stack.run("deploy").out


def are_ready(stack: Running) -> bool:
    found = stack.status()
    return all(one["ready"] for one in (*found["components"], *found["locations"]))


def becomes_well(stack: Running) -> None:
    eventually("all to be ready", lambda: are_ready(stack), every_seconds=1)
    eventually("all to be well", lambda: stack.run("health", check=False).code == 0, every_seconds=1)


def test_it_is_refused_while_the_stack_runs(stack: Running, file: Path) -> None:
    stack.sql(INSERT.format("third", "SUCCESS"))
    said = stack.run("restore", str(file), check=False)
    assert (said.code, "It runs: dagster-" in said.err, "--stop" in said.err) == (1, True, True), said
    assert stack.sql(KEPT) == "2"


def test_runs_under_way_are_named_before_anything_is_stopped(stack: Running, file: Path) -> None:
    pods = stack.pods("dagster-webserver")
    stack.sql(INSERT.format("0a1b2c3d-1", "STARTED"))
    said = stack.run("restore", str(file), "--stop", check=False)
    stack.sql("DELETE FROM runs WHERE run_id = '0a1b2c3d-1'")
    assert (said.code, "0a1b2c3d of kept (started)" in said.err) == (1, True), said
    assert stack.pods("dagster-webserver") == pods


def cut(file: Path) -> bytes:
    return file.read_bytes()[: file.stat().st_size * 3 // 4]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda file: b"", "can't read it whole"),
        (lambda file: b"hello\n" * 100, "can't read it whole"),
        (cut, "can't read it whole"),
    ],
    ids=["empty", "text", "cut off"],
)
def test_a_file_that_is_no_backup_stops_nothing(
    stack: Running, file: Path, content: Callable[[Path], bytes], words: str
) -> None:
    pods = stack.pods("dagster-webserver")
    file.write_bytes(content(file))
    said = stack.run("restore", str(file), "--stop", "--force", check=False)
    assert (said.code, words in said.err) == (2, True), said
    assert stack.pods("dagster-webserver") == pods
    missing = stack.run("restore", str(file.with_name("nosuch")), "--stop", "--force", check=False)
    assert (missing.code, "can't be read" in missing.err) == (2, True), missing


def test_a_backup_of_another_database_is_refused(
    connection: Connection, stack: Running, place: Place, tmp_path: Path
) -> None:
    dump = ["pg_dump", "-Fc", "-U", "dagster", "-d", "template1"]
    command = [stack.access.program, "--namespace", stack.namespace, "exec", place.pod, "--", *dump]
    done = subprocess.run(command, env=stack.access.environ, capture_output=True, check=True)
    (tmp_path / "other").write_bytes(done.stdout)
    with pytest.raises(BadInput, match="without Dagster's tables"):
        backups.verify(connection, place, tmp_path / "other")


def test_a_restore_that_fails_changes_nothing(
    connection: Connection, stack: Running, file: Path, place: Place
) -> None:
    stack.sql(INSERT.format("third", "SUCCESS"))
    stack.sql("CREATE VIEW of_somebody AS SELECT run_id FROM runs")
    try:
        with pytest.raises(PlaygroundError) as told:
            backups.restore(connection, place, file, lambda size: None)
        assert "the database is as it was before" in told.value.finding.observed
        assert "other objects depend on it" in told.value.finding.evidence
        assert stack.sql(KEPT) == "2"
    finally:
        stack.sql("DROP VIEW of_somebody")


def test_whoever_may_not_run_commands_in_pods_is_told(stack: Running, file: Path, tmp_path: Path) -> None:
    stack.kubectl("create", "role", "looks", "--verb=get,list,watch", "--resource=pods,secrets")
    stack.kubectl(
        "create", "rolebinding", "looks", "--role=looks", f"--serviceaccount={stack.namespace}:default"
    )
    token = stack.kubectl("create", "token", "default").strip()
    document = json.loads(
        stack.access.kubectl("config", "view", "--raw", "--flatten", "--minify", "-o", "json")
    )
    document["users"][0]["user"] = {"token": token}
    (tmp_path / "config").write_text(json.dumps(document))
    access = Access(stack.access.program, str(tmp_path / "config"), stack.access.context)
    weak = Running(access, stack.namespace, stack.file)
    said = weak.run("backup", str(tmp_path / "new"), check=False)
    assert (said.code, "no right" in said.err, "pods/exec" in said.err) == (1, True, True), said
    assert not (tmp_path / "new").exists()


def test_a_folder_that_is_not_there(stack: Running, tmp_path: Path) -> None:
    said = stack.run("backup", str(tmp_path / "nosuch" / "file"), check=False)
    assert (said.code, "It can't be written" in said.err) == (1, True), said


def test_a_pod_that_dies_under_a_backup_leaves_no_file(
    cluster: Cluster, connection: Connection, stack: Running, place: Place, tmp_path: Path
) -> None:
    stack.sql(
        "CREATE TABLE big AS SELECT n, md5(random()::text) || md5(random()::text) AS noise "
        "FROM generate_series(1, 400000) AS n"
    )
    seen: list[int] = []

    def kill(size: int) -> None:
        if not seen:
            faults.kill_container(cluster, stack.access.pod(stack.namespace, place.pod))
        seen.append(size)

    with pytest.raises(PlaygroundError):
        backups.back_up(connection, place, tmp_path / "new", kill, overwrite=False)
    assert seen
    assert list(tmp_path.iterdir()) == []
    eventually("Postgres to be back", lambda: postgres_is_ready(connection, stack), every_seconds=0.5)
    stack.sql("DROP TABLE big")


def test_a_pod_that_dies_under_a_restore_is_told_and_the_database_is_as_it_was(
    cluster: Cluster, connection: Connection, stack: Running, file: Path, place: Place
) -> None:
    stack.sql(
        "CREATE TABLE big AS SELECT n, sha256(n::text::bytea) AS noise FROM generate_series(1, 500000) AS n"
    )
    backups.back_up(connection, place, file, lambda size: None, overwrite=True)
    stack.sql(INSERT.format("after", "SUCCESS"))
    killed: list[int] = []

    def kill(size: int) -> None:
        if size > 10 << 20 and not killed:
            killed.append(size)
            faults.kill_container(cluster, stack.access.pod(stack.namespace, place.pod))

    with pytest.raises(PlaygroundError):
        backups.restore(connection, place, file, kill)
    assert killed
    eventually("Postgres to be back", lambda: postgres_is_ready(connection, stack), every_seconds=0.5)
    assert stack.sql(KEPT) == "2"
    stack.sql("DROP TABLE big")


def test_a_stack_that_a_person_stopped_waits_for_everybody_else_to_leave(
    connection: Connection, stack: Running, file: Path, place: Place
) -> None:
    everywhere = [stack.namespace, away(stack)]
    stopping.stop(connection, everywhere, lambda message: None, 1)
    host = stack.get("service", "dagster-postgres")["spec"]["clusterIP"]
    secret = stack.get("secret", "dagster-postgres")["data"]["password"]
    word = base64.b64decode(secret).decode()
    session = psycopg2.connect(host=host, user="dagster", dbname="dagster", password=word)
    try:
        said = stack.run("restore", str(file), check=False)
        assert (said.code, "Somebody else is connected to it, from" in said.err) == (1, True), said
    finally:
        session.close()
    assert "The database is as" in stack.run("restore", str(file)).out
    assert stack.pods("dagster-webserver") == set(), "what a person stopped, a person starts"
    stopping.start(connection, everywhere, lambda message: None)
    eventually("all to be ready", lambda: are_ready(stack), every_seconds=1)


def kept_files(stack: Running) -> list[str]:
    """By the job, on the claim that outlives pods."""

    eventually("all to be ready", lambda: are_ready(stack), every_seconds=1)
    return stack.kubectl(*IN_WEBSERVER, "ls", "-A", FOLDER).split()


def test_the_last_one_of_the_job_is_kept_and_restore_takes_it(
    connection: Connection, stack: Running, place: Place, tmp_path: Path
) -> None:
    stack.sql("CREATE TABLE mark AS SELECT 'before' AS word")
    made = []
    for _ in range(2):
        run = stack.launch("ops", "backup")
        stack.wait_for_success(run)
        made.append(re.findall(r"/backups/(\S+): [\d,]+ bytes, read back", stack.messages(run))[0])
    assert kept_files(stack) == sorted(made)[1:]
    assert made == sorted(made), "names sort by time"
    data = stack.kubectl(*IN_WEBSERVER, "base64", f"{FOLDER}/{made[-1]}")
    (tmp_path / "stack.backup").write_bytes(base64.b64decode(data))
    stack.sql("UPDATE mark SET word = 'after'")
    backups.restore(connection, place, tmp_path / "stack.backup", lambda size: None)
    assert stack.sql("SELECT word FROM mark") == "before"
    selector = "app.kubernetes.io/component=backup"
    assert stack.kubectl("get", "pods", "-l", selector, "-o", "name") == ""


def test_a_job_that_fails_says_why_and_the_ones_before_stay(stack: Running) -> None:
    before = kept_files(stack)
    whole = stack.file.read_text()
    changed = yaml.safe_load(whole)
    changed["postgres"] |= {"pod": {"image": dagster.name()}, "backups": {"kept": 2}}
    stack.file.write_text(yaml.safe_dump(changed))
    stack.run("deploy", "--components", "configuration")
    stack.file.write_text(whole)
    run = stack.launch("ops", "backup")
    assert stack.wait_for_run(run) == "FAILURE"
    assert "pg_dump: not found" in stack.messages(run)
    assert kept_files(stack) == before
    stack.run("deploy", "--components", "configuration")
