"""The database of a real stack: written to a file, lost, brought back; and all that is refused."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from playground_ops.config import load
from playground_ops.core.errors import BadInput, PlaygroundError
from playground_ops.render.database import ADMIN
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.outside import backups, postgres, stopping
from playground_ops.targets.kubernetes.outside.executing import Place
from tests.asking import eventually
from tests.cluster import faults
from tests.cluster.cluster import Cluster
from tests.kubernetes.database import APART, DatabaseStack, becomes_well
from tests.kubernetes.stacks import ClusterStack

IN_WEBSERVER = ("exec", "deploy/dagster-webserver", "--")
INSERT = "INSERT INTO runs (run_id, pipeline_name, status, run_body) VALUES ('{0}', 'kept', '{1}', '{{}}')"
KEPT = "SELECT count(*) FROM runs WHERE pipeline_name = 'kept'"


@pytest.fixture(scope="module")
def stack(cluster: Cluster, database_stack: DatabaseStack) -> ClusterStack:
    return database_stack.whole()


@pytest.fixture
def place(connection: Connection, stack: ClusterStack) -> Place:
    eventually("Postgres to be ready", lambda: postgres_is_ready(connection, stack), every_seconds=0.5)
    return postgres.find(connection, load(stack.config), "")


@pytest.fixture
def kept(connection: Connection, stack: ClusterStack, place: Place) -> backups.Kept:
    return backups.Kept(connection, place, load(stack.config))


def postgres_is_ready(connection: Connection, stack: ClusterStack) -> bool:
    try:
        postgres.active_runs(connection, postgres.find(connection, load(stack.config), ""))
    except PlaygroundError:
        return False
    return True


@pytest.fixture(scope="module")
def backup(stack: ClusterStack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of a database with one run in it."""
    path = tmp_path_factory.mktemp("backup") / "stack.backup"
    stack.sql(INSERT.format("first", "SUCCESS"))
    stack.ok("backup", str(path))
    return path


@pytest.fixture
def file(stack: ClusterStack, place: Place, backup: Path, tmp_path: Path) -> Path:
    """A copy of the backup, and the database as it was."""
    stack.sql(f"DELETE FROM runs WHERE pipeline_name = 'kept'; {INSERT.format('first', 'SUCCESS')}")
    return Path(shutil.copy(backup, tmp_path))


def test_a_backup_is_whole_and_for_its_owner(stack: ClusterStack, backup: Path, kept: backups.Kept) -> None:
    assert backup.read_bytes()[:5] == b"PGDMP"
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert list(backup.parent.iterdir()) == [backup]
    backups.verify(kept, backup)


def test_another_is_not_overwritten_unless_that_is_said(stack: ClusterStack, file: Path) -> None:
    before = hashlib.sha256(file.read_bytes()).digest()
    said = stack.run("backup", str(file))
    assert (said.returncode, "It is there already" in said.stderr) == (2, True), said
    assert hashlib.sha256(file.read_bytes()).digest() == before
    said = stack.done("backup", str(file), "--force", "--json")
    assert json.loads(said.stdout) == {
        "file": str(file),
        "bytes": file.stat().st_size,
        "deployment": "main",
    }
    assert said.stderr == ""


def test_what_was_lost_comes_back_whoever_stopped_the_stack_and_it_runs_on(
    stack: ClusterStack, connection: Connection, file: Path
) -> None:
    """A restore waits for everybody else to leave. What was stopped before stays so; with `--stop` it starts
    all, also what another restore, that died, has stopped."""
    stack.ok("backup", str(file), "--force")
    (number,) = [one["release"] for one in stack.status()["locations"] if one["name"] == "a"]
    before = {"ticks": stack.sql("SELECT count(*) FROM instigators"), "kept": stack.sql(KEPT)}
    lost = "DELETE FROM runs WHERE pipeline_name = 'kept'; DROP TABLE instigators CASCADE"
    stopping.stop(stopping.Processes(connection, load(stack.config)), lambda message: None, 1)
    stack.sql(lost)
    session = connected(stack)
    try:
        said = stack.run("restore", str(file))
        assert (said.returncode, "Somebody else is connected to it, from" in said.stderr) == (1, True), said
    finally:
        session.close()
    assert "The database is as" in stack.ok("restore", str(file))
    assert {"ticks": stack.sql("SELECT count(*) FROM instigators"), "kept": stack.sql(KEPT)} == before
    assert stack.uids("webserver") == set(), "what a person stopped, a person starts"

    stack.kubectl("scale", "deployment/dagster-webserver", "--replicas=1")
    eventually("it to come up", lambda: stack.uids("webserver"))
    stack.sql(f"{lost}; {INSERT.format('second', 'SUCCESS')}")
    said = stack.done("restore", str(file), "--stop", "--force")
    assert "dagster-webserver stops" in said.stderr
    assert f"dagster-grpc-a-{number} starts" in said.stderr
    assert f"dagster-grpc-{APART}-" in said.stderr, "in its namespace too"
    assert {"ticks": stack.sql("SELECT count(*) FROM instigators"), "kept": stack.sql(KEPT)} == before
    assert stack.sql("SELECT run_id FROM runs WHERE pipeline_name = 'kept'") == "first"
    becomes_well(stack)
    assert "Nothing to do" in stack.ok("deploy")


def connected(stack: ClusterStack) -> Any:
    """Connect as a person with psql, or a program that is not of this stack."""
    host = stack.get("service", "dagster-postgres")["spec"]["clusterIP"]
    secret = stack.get("secret", "dagster-postgres")["data"]["password"]
    word = base64.b64decode(secret).decode()
    return psycopg2.connect(host=host, user="dagster", dbname="dagster", password=word)


def test_it_is_refused_while_the_stack_runs(stack: ClusterStack, file: Path) -> None:
    stack.sql(INSERT.format("third", "SUCCESS"))
    said = stack.run("restore", str(file))
    assert (said.returncode, "It runs: dagster-" in said.stderr, "--stop" in said.stderr) == (
        1,
        True,
        True,
    ), said
    assert stack.sql(KEPT) == "2"


def test_runs_under_way_are_named_before_anything_is_stopped(stack: ClusterStack, file: Path) -> None:
    pods = stack.uids("webserver")
    stack.sql(INSERT.format("0a1b2c3d-1", "STARTED"))
    said = stack.run("restore", str(file), "--stop")
    stack.sql("DELETE FROM runs WHERE run_id = '0a1b2c3d-1'")
    assert (said.returncode, "0a1b2c3d of kept (started)" in said.stderr) == (1, True), said
    assert stack.uids("webserver") == pods


def cut(file: Path) -> bytes:
    return file.read_bytes()[: file.stat().st_size * 3 // 4]


@pytest.mark.parametrize(
    "content", [lambda file: b"", lambda file: b"hello\n" * 100, cut], ids=["empty", "text", "cut off"]
)
def test_a_file_that_is_no_backup_is_refused(
    file: Path, kept: backups.Kept, content: Callable[[Path], bytes]
) -> None:
    file.write_bytes(content(file))
    with pytest.raises(BadInput, match="can't read it whole"):
        backups.verify(kept, file)


def test_and_it_stops_nothing(stack: ClusterStack, file: Path) -> None:
    pods = stack.uids("webserver")
    file.write_bytes(cut(file))
    said = stack.run("restore", str(file), "--stop", "--force")
    assert (said.returncode, "can't read it whole" in said.stderr) == (2, True), said
    missing = stack.run("restore", str(file.with_name("nosuch")), "--stop", "--force")
    assert (missing.returncode, "can't be read" in missing.stderr) == (2, True), missing
    assert stack.uids("webserver") == pods


def test_a_backup_of_another_database_is_refused(
    stack: ClusterStack, kept: backups.Kept, tmp_path: Path
) -> None:
    dump = ["pg_dump", "-Fc", "-U", ADMIN, "-d", "template1"]
    command = [stack.access.program, "--namespace", stack.namespace, "exec", kept.place.pod, "--", *dump]
    done = subprocess.run(command, env=stack.access.environ, capture_output=True, check=True)
    (tmp_path / "other").write_bytes(done.stdout)
    with pytest.raises(BadInput, match="without Dagster's tables"):
        backups.verify(kept, tmp_path / "other")


def test_a_restore_that_fails_changes_nothing(stack: ClusterStack, file: Path, kept: backups.Kept) -> None:
    stack.sql(INSERT.format("third", "SUCCESS"))
    stack.sql("CREATE VIEW of_somebody AS SELECT run_id FROM runs")
    try:
        with pytest.raises(PlaygroundError) as told:
            backups.restore(kept, file, lambda size: None)
        assert "the database is as it was before" in told.value.finding.observed
        assert "other objects depend on it" in told.value.finding.evidence
        assert stack.sql(KEPT) == "2"
    finally:
        stack.sql("DROP VIEW of_somebody")


def test_whoever_may_not_run_commands_in_pods_is_told(
    stack: ClusterStack, file: Path, tmp_path: Path
) -> None:
    looks = ("--verb=get,list,watch", "--resource=pods,secrets,configmaps")
    stack.kubectl("create", "role", "looks", *looks)
    stack.kubectl(
        "create", "rolebinding", "looks", "--role=looks", f"--serviceaccount={stack.namespace}:default"
    )
    weak = stack.as_its_account(tmp_path)
    said = weak.run("backup", str(tmp_path / "new"))
    assert (said.returncode, "no right" in said.stderr, "pods/exec" in said.stderr) == (1, True, True), said
    assert not (tmp_path / "new").exists()


def test_a_folder_that_is_not_there(stack: ClusterStack, tmp_path: Path) -> None:
    said = stack.run("backup", str(tmp_path / "nosuch" / "file"))
    assert (said.returncode, "It can't be written" in said.stderr) == (1, True), said


def test_a_pod_that_dies_under_a_backup_leaves_no_file(
    cluster: Cluster, connection: Connection, stack: ClusterStack, kept: backups.Kept, tmp_path: Path
) -> None:
    stack.sql(
        "CREATE TABLE big AS SELECT n, md5(random()::text) || md5(random()::text) AS noise "
        "FROM generate_series(1, 400000) AS n"
    )
    seen: list[int] = []

    def kill(size: int) -> None:
        if not seen:
            faults.kill_container(cluster, stack.access.pod(stack.namespace, kept.place.pod))
        seen.append(size)

    with pytest.raises(PlaygroundError):
        backups.back_up(kept, tmp_path / "new", kill, overwrite=False)
    assert seen
    assert list(tmp_path.iterdir()) == []
    eventually("Postgres to be back", lambda: postgres_is_ready(connection, stack), every_seconds=0.5)
    stack.sql("DROP TABLE big")


def test_a_pod_that_dies_under_a_restore_is_told_and_the_database_is_as_it_was(
    cluster: Cluster, connection: Connection, stack: ClusterStack, file: Path, kept: backups.Kept
) -> None:
    stack.sql(
        "CREATE TABLE big AS SELECT n, sha256(n::text::bytea) AS noise FROM generate_series(1, 500000) AS n"
    )
    backups.back_up(kept, file, lambda size: None, overwrite=True)
    stack.sql(INSERT.format("after", "SUCCESS"))
    killed: list[int] = []

    def kill(size: int) -> None:
        if size > 10 << 20 and not killed:
            killed.append(size)
            faults.kill_container(cluster, stack.access.pod(stack.namespace, kept.place.pod))

    with pytest.raises(PlaygroundError):
        backups.restore(kept, file, kill)
    assert killed
    eventually("Postgres to be back", lambda: postgres_is_ready(connection, stack), every_seconds=0.5)
    assert stack.sql(KEPT) == "2"
    stack.sql("DROP TABLE big")
