"""The job `backup` of `ops`: files on the claim that outlives pods, which `restore` takes."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from playground_ops.render.backup import FOLDER
from tests.asking import eventually
from tests.cluster.access import Access
from tests.kubernetes.stacks import POD, ClusterStack, a_cluster_stack

A = [{"name": "a"}]
IN_WEBSERVER = ("exec", "deploy/dagster-webserver", "--")


@pytest.fixture(scope="module")
def stack(access: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterStack]:
    with a_cluster_stack(access, tmp_path_factory.mktemp("stack")) as made:
        made.configure(code_locations=A, **kept(2))
        made.bootstrap()
        yield made


def kept(number: int, **pod: Any) -> dict[str, Any]:
    return {"postgres": {"storage": "512Mi", "pod": {**POD, **pod}, "backups": {"kept": number}}}


def sql(stack: ClusterStack, statement: str) -> str:
    psql = ["psql", "-XAtq", "-U", "dagster", "-d", "dagster", "-c", statement]
    return stack.kubectl("exec", "dagster-postgres-0", "--", *psql).strip()


def kept_files(stack: ClusterStack) -> list[str]:
    eventually("all to be ready", lambda: all(one["ready"] for one in stack.status()["components"]))
    return stack.kubectl(*IN_WEBSERVER, "ls", "-A", FOLDER).split()


def test_the_last_ones_are_kept_and_restore_takes_them(stack: ClusterStack, tmp_path: Path) -> None:
    sql(stack, "CREATE TABLE mark AS SELECT 'before' AS word")
    made = []
    for _ in range(3):
        run = stack.launch("ops", "backup")
        stack.wait_for_success(run)
        made.append(re.findall(r"/backups/(\S+): [\d,]+ bytes, read back", stack.messages(run))[0])
    assert kept_files(stack) == sorted(made)[1:]
    assert made == sorted(made), "names sort by time"
    data = stack.kubectl(*IN_WEBSERVER, "base64", f"{FOLDER}/{made[-1]}")
    (tmp_path / "stack.backup").write_bytes(base64.b64decode(data))
    sql(stack, "UPDATE mark SET word = 'after'")
    stack.ok("restore", str(tmp_path / "stack.backup"), "--stop", "--force")
    assert sql(stack, "SELECT word FROM mark") == "before"
    selector = "app.kubernetes.io/component=backup"
    assert stack.kubectl("get", "pods", "-l", selector, "-o", "name") == ""


def test_one_that_fails_says_why_and_the_ones_before_stay(stack: ClusterStack) -> None:
    before = kept_files(stack)
    stack.configure(code_locations=A, **kept(1, image="docker.io/dagster/dagster-k8s:1.13.27"))
    stack.ok("deploy", "--components", "configuration")
    run = stack.launch("ops", "backup")
    assert stack.wait_for_run(run) == "FAILURE"
    assert "pg_dump: not found" in stack.messages(run)
    assert kept_files(stack) == before
