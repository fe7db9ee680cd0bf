"""The job `backup`: what it keeps in the cluster, and what a restore makes of that."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
import yaml

from playground_ops.config import load
from playground_ops.render.names import BACKUP_FOLDER
from playground_ops.targets.kubernetes.outside import backups, postgres
from tests.asking import eventually
from tests.cluster.images import dagster
from tests.kubernetes.database import DatabaseStack, are_ready
from tests.kubernetes.stacks import ClusterStack

IN_OPS = ("exec", "svc/dagster-grpc-ops", "--")


@pytest.fixture(scope="module")
def stack(database_stack: DatabaseStack) -> ClusterStack:
    return database_stack.whole()


def kept_files(stack: ClusterStack) -> list[str]:
    """Return the files that the job keeps on the claim that outlives pods."""

    eventually("all to be ready", lambda: are_ready(stack), every_seconds=1)
    return stack.kubectl(*IN_OPS, "ls", "-A", BACKUP_FOLDER).split()


def test_the_last_one_of_the_job_is_kept_and_restore_takes_it(stack: ClusterStack, tmp_path: Path) -> None:
    stack.sql("CREATE TABLE mark AS SELECT 'before' AS word")
    made = []
    for _ in range(2):
        run = stack.launch("ops", "backup")
        stack.wait_for_success(run)
        made.append(re.findall(r"/backups/(\S+): [\d,]+ bytes, read back", stack.messages(run))[0])
    assert kept_files(stack) == sorted(made)[1:]
    assert made == sorted(made), "names sort by time"
    data = stack.kubectl(*IN_OPS, "base64", f"{BACKUP_FOLDER}/{made[-1]}")
    (tmp_path / "stack.backup").write_bytes(base64.b64decode(data))
    stack.sql("UPDATE mark SET word = 'after'")
    place = postgres.find(stack.connection, load(stack.config), "")
    kept = backups.Kept(stack.connection, place, load(stack.config))
    backups.restore(kept, tmp_path / "stack.backup", lambda size: None)
    assert stack.sql("SELECT word FROM mark") == "before"
    selector = "app.kubernetes.io/component=backup"
    assert stack.kubectl("get", "pods", "-l", selector, "-o", "name") == ""


def test_a_job_that_fails_says_why_and_the_ones_before_stay(stack: ClusterStack) -> None:
    before = kept_files(stack)
    whole = stack.config.read_text()
    changed = yaml.safe_load(whole)
    changed["postgres"] |= {"pod": {"image": dagster.name()}, "backups": {"kept": 2}}
    stack.config.write_text(yaml.safe_dump(changed))
    stack.ok("deploy", "--components", "configuration")
    stack.config.write_text(whole)
    run = stack.launch("ops", "backup")
    assert stack.wait_for_run(run) == "FAILURE"
    assert "pg_dump: not found" in stack.messages(run)
    assert kept_files(stack) == before
    stack.ok("deploy", "--components", "configuration")
