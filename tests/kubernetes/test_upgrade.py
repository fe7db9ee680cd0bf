"""A stack that an earlier version of this project made is brought to this one by `deploy`, whole."""

from __future__ import annotations

import io
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.asking import eventually
from tests.cluster.access import Access
from tests.cluster.gitservers import anonymous
from tests.kubernetes.lasting import CODE, stdout
from tests.kubernetes.stacks import ROOT, a_cluster_stack
from tests.pipelines import pipeline

BEFORE = "66a492c"
"""The last commit in which all locations shared a folder of values, and Dagster's role was a superuser."""


def earlier(folder: Path) -> Path:
    """Return a folder with that version. It runs on the packages of this one."""
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", BEFORE], check=True, capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as found:
        found.extractall(folder)
    return folder


def look(location: str) -> tuple[str, ...]:
    where = ("exec", f"svc/dagster-grpc-{location}", "--", "sh", "-c")
    return (*where, "ls /opt/dagster/artifacts/storage; ls -A /opt/dagster/artifacts")


@pytest.mark.soak
def test_a_stack_of_the_version_before_is_brought_to_this_one(access: Access, tmp_path: Path) -> None:
    repository = pipeline(tmp_path / "code" / "a")
    repository.commit_text(CODE.format(version=1), "Version 1")
    with anonymous(repository.folder.parent) as url, a_cluster_stack(access, tmp_path) as stack:
        old = replace(stack, project=earlier(tmp_path / "earlier"))
        repo = {"url": f"{url}/a", "ref": "main"}
        stack.configure(code_locations=[{"name": "a", "repo": repo, "module": "pipeline"}, {"name": "b"}])
        old.bootstrap()
        made = stack.launch("a", "up")
        stack.wait_for_success(made)
        waiting = stack.launch("a", "waiting")
        stack.wait_for_run(waiting, "STARTED")
        before = stack.location("a")

        done = stack.done("deploy")

        said = done.stdout + done.stderr
        assert "values have a name in the folder of their location" in said
        assert "owns its database, and is no superuser" in said
        now = stack.location("a")
        assert (now["commit"], now["release"]) == (before["commit"], before["release"] + 1)
        stack.wait_for_success(stack.launch("a", "down"))
        assert "numbers made by version 1" in stdout(stack, made), "logs are where they were"
        assert stack.kubectl(*look("a")).split()[:2] == ["numbers", "total"]

        server = f"deployment/dagster-grpc-a-{before['release']}"
        stack.kubectl("exec", server, "-c", "dagster-grpc", "--", "touch", "/tmp/go")
        assert eventually("the run in flight to end", lambda: stack.wait_for_run(waiting)) == "SUCCESS"
        eventually("nothing to be left to do", lambda: stack.plan() == {}, every_seconds=1)
        assert "Everything is well" in stack.done("health").stdout
        stack.kubectl("delete", "deployment", *(f"dagster-grpc-{name}" for name in ("a-1", "b-1", "ops-1")))
        assert set(stack.plan()) == {f"persistentvolumeclaim/dagster-artifacts in {stack.namespace}"}
        told = stack.done("deploy")
        assert "go on with the old names" not in told.stdout + told.stderr
        assert stack.plan() == {}, "the old names are gone"
        stack.wait_for_success(stack.launch("a", "down"))
