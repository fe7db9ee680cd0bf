"""A stack that an earlier version of this project made is brought to this one by `deploy`, whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.asking import eventually
from tests.cluster.access import Access
from tests.cluster.gitservers import anonymous
from tests.kubernetes.lasting import CODE, stdout
from tests.kubernetes.stacks import ClusterStack, a_cluster_stack
from tests.pipelines import Pipeline, pipeline
from tests.versions import put, version_before
from tests.watching import must_have_shown, watched

BEFORE = "66a492c"
"""The last commit in which all locations shared a folder of values, and Dagster's role was a superuser."""


def look(location: str) -> tuple[str, ...]:
    where = ("exec", f"svc/dagster-grpc-{location}", "--", "sh", "-c")
    return (*where, "ls /opt/dagster/artifacts/storage; ls -A /opt/dagster/artifacts")


@pytest.mark.soak
def test_a_stack_of_the_version_before_is_brought_to_this_one(access: Access, tmp_path: Path) -> None:
    repository = pipeline(tmp_path / "code" / "a")
    repository.commit_text(CODE.format(version=1), "Version 1")
    with anonymous(repository.folder.parent) as url, a_cluster_stack(access, tmp_path) as stack:
        old = replace(stack, project=put(BEFORE, tmp_path / "earlier"))
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


@dataclass(frozen=True)
class Made:
    """A stack of the version before, with a run in flight."""

    stack: ClusterStack
    code: Pipeline
    by_that_version: ClusterStack
    run: str


@pytest.fixture
def made(access: Access, tmp_path: Path) -> Iterator[Made]:
    code = pipeline(tmp_path / "code" / "a")
    code.commit_text(CODE.format(version=1), "Version 1")
    with anonymous(code.folder.parent) as url, a_cluster_stack(access, tmp_path) as stack:
        repo = {"url": f"{url}/a", "ref": "main"}
        stack.configure(code_locations=[{"name": "a", "repo": repo, "module": "pipeline"}, {"name": "b"}])
        old = replace(stack, project=put(version_before(), tmp_path / "earlier"))
        old.bootstrap()
        yield Made(stack, code, old, in_flight(stack))


def in_flight(stack: ClusterStack) -> str:
    run = stack.launch("a", "waiting")
    stack.wait_for_run(run, "STARTED")
    return run


def let_it_end(stack: ClusterStack, run: str, release: int) -> None:
    server = f"deployment/dagster-grpc-a-{release}"
    stack.kubectl("exec", server, "-c", "dagster-grpc", "--", "touch", "/tmp/go")
    stack.wait_for_success(run)


def deployed(stack: ClusterStack, run: str, checked: str) -> str:
    """Deploy while the UI is polled: nothing is in error, and the run goes on. Returns what was said."""
    with watched(stack.ui, ("a", "b")) as seen:
        done = stack.done("deploy")
    must_have_shown(seen, checked)
    assert stack.run_status(run) == "STARTED"
    return done.stdout + done.stderr


def test_the_last_version_is_upgraded_with_a_run_in_flight_and_the_ui_polled(made: Made) -> None:
    stack, before = made.stack, made.stack.location("a")
    checked = stack.ok("upgrade", "--check")
    assert "format 2" in checked
    assert "ops: a new release" in checked

    said = deployed(stack, made.run, checked)

    assert "format 2 of what is stored" in said
    now = stack.location("a")
    assert now["commit"] == before["commit"]
    let_it_end(stack, made.run, before["release"])
    eventually("nothing to be left to do", lambda: stack.plan() == {}, every_seconds=1)
    assert "Everything is well" in stack.done("health").stdout
    assert "would be a no-op" in stack.ok("upgrade", "--check")


@pytest.mark.soak
def test_and_goes_back_to_it(made: Made) -> None:
    stack, old = made.stack, made.by_that_version
    first = stack.location("a")["release"]
    checked = stack.ok("upgrade", "--check")
    deployed(stack, made.run, checked)
    let_it_end(stack, made.run, first)
    made.code.commit_text(CODE.format(version=2), "Version 2")
    stack.ok("redeploy", "a")
    again = in_flight(stack)
    second = stack.location("a")["release"]

    deployed(old, again, checked)

    let_it_end(stack, again, second)
    made.code.commit_text(CODE.format(version=3), "Version 3")
    old.ok("redeploy", "a")
    assert stack.location("a")["release"] > second
    assert "Everything is well" in old.done("health").stdout
