"""Runs in pods of their own, on a real cluster: of their own release, whatever happens to it meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from tests.asking import eventually
from tests.cluster.access import Access, KubectlFailed
from tests.cluster.gitservers import anonymous
from tests.kubernetes.images import MODULE
from tests.kubernetes.stacks import ClusterStack, a_cluster_stack
from tests.pipelines import Pipeline, pipeline
from tests.session.deadlines import stretched

CODE = """\
import os
import time
from pathlib import Path

import dagster as dg

VERSION = "{version}"


@dg.op
def wait(context: dg.OpExecutionContext) -> None:
    while not Path("/opt/dagster/artifacts/go").exists():
        time.sleep(0.1)
    context.log.info("version " + VERSION + " at " + os.environ["PLAYGROUND_COMMIT"] + " in " + os.getcwd())


@dg.job(executor_def=dg.in_process_executor, tags={{"one": "at a time"}})
def alone() -> None:
    wait()


@dg.job(executor_def=dg.in_process_executor)
def waiting() -> None:
    wait()


defs = dg.Definitions(jobs=[waiting, alone])
"""
A, OWN, IMAGED = "in-pods", "in-pods-own", "in-pods-image"
GO = ("exec", "deployment/dagster-webserver", "--")
QUEUE = {"tag_concurrency_limits": [{"key": "one", "value": "at a time", "limit": 1}]}


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return pipeline(tmp_path_factory.mktemp("code") / "repository")


@pytest.fixture(scope="module")
def git(code: Pipeline) -> Iterator[ExitStack]:
    """The git server; closing it is its outage."""
    with ExitStack() as made:
        yield made


@pytest.fixture(scope="module")
def stack(
    images: list[str],
    access: Access,
    code: Pipeline,
    git: ExitStack,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ClusterStack]:
    code.commit_text(CODE.format(version=1), "Version 1")
    url = git.enter_context(anonymous(code.folder.parent))
    locations = [
        {"name": A, "repo": {"url": f"{url}/{code.folder.name}", "ref": "main"}, "module": "pipeline"},
        {"name": OWN},
        {"name": IMAGED, "image": images[0], "module": MODULE},
    ]
    with a_cluster_stack(access, tmp_path_factory.mktemp("stack")) as made:
        made.configure(run_launcher="kubernetes", run_queue=QUEUE, code_locations=locations)
        made.bootstrap()
        yield made


def pod_of(stack: ClusterStack, run: str) -> dict[str, Any] | None:
    told = stack.kubectl("get", "pods", "-l", f"dagster/run-id={run}", "-o", "json")
    return next(iter(json.loads(told)["items"]), None)


def test_every_kind_of_location_has_its_runs_in_pods(stack: ClusterStack) -> None:
    runs = [stack.launch(OWN, "refresh"), stack.launch(IMAGED, "__ASSET_JOB"), stack.launch("ops", "plan")]
    for run in runs:
        stack.wait_for_success(run)
    pods = [pod_of(stack, run) for run in runs]
    found = {pod["metadata"]["labels"]["playground.dagster/location"]: pod["spec"] for pod in pods if pod}
    assert {name: spec["serviceAccountName"] for name, spec in found.items()} == {
        OWN: "default",
        IMAGED: "default",
        "ops": "dagster-ops",
    }
    assert [name for name, spec in found.items() if spec["automountServiceAccountToken"]] == ["ops"]
    assert stack.plan() == {}


def test_a_run_ends_well_on_its_own_commit_when_its_release_is_long_gone(
    stack: ClusterStack, code: Pipeline, git: ExitStack
) -> None:
    """And so does one that was queued meanwhile, without the git server: its code is kept."""
    first = stack.location(A)["commit"]
    runs = [stack.launch(A, "alone"), stack.launch(A, "alone")]
    eventually("one of them to run", lambda: "STARTED" in [stack.run_status(run) for run in runs])
    for version in (2, 3):
        code.commit_text(CODE.format(version=version), f"Version {version}")
        stack.ok("redeploy", A)
    # Nothing is waited for: a release whose runs are elsewhere ends at once.
    eventually("the release to be gone", lambda: not stack.servers(A, 1))
    git.close()
    assert sorted(stack.run_status(run) for run in runs) == ["QUEUED", "STARTED"]
    said = stack.run("secret", "rotate-database")
    assert (said.returncode, "of alone (started)" in said.stderr) == (1, True), said.stderr
    whole = stack.config.read_text()
    stack.config.write_text(whole.replace('"kubernetes",', '"code_server",', 1))
    said = stack.run("deploy")
    assert (said.returncode, "another launcher, and 1 are under way" in said.stderr) == (1, True), said.stderr
    stack.config.write_text(whole)
    stack.kubectl(*GO, "touch", "/opt/dagster/artifacts/go")
    for run in runs:
        stack.wait_for_success(run)
        assert f"version 1 at {first} in /opt/dagster/app/repo/.worktrees/{first}" in stack.messages(run)
    stack.kubectl(*GO, "rm", "/opt/dagster/artifacts/go")
    assert runs[0] in stack.ok("logs", runs[0])


def test_a_run_is_terminated_from_the_ui(stack: ClusterStack) -> None:
    run = stack.launch(A, "waiting")
    stack.wait_for_run(run, "STARTED")
    stack.terminate(run)
    assert stack.wait_for_run(run) == "CANCELED"
    eventually("its pod to be gone", lambda: pod_of(stack, run) is None)


def test_a_run_whose_pod_is_lost_fails_and_says_so(stack: ClusterStack) -> None:
    run = stack.launch(A, "waiting")
    stack.wait_for_run(run, "STARTED")
    pod = pod_of(stack, run)
    assert pod is not None
    with suppress(KubectlFailed):  # it kills its own shell too
        stack.kubectl("exec", pod["metadata"]["name"], "--", "sh", "-c", "kill -9 -1")
    assert stack.wait_for_run(run, timeout_seconds=90) == "FAILURE"
    assert "K8s job has no active pods" in stack.messages(run)


def test_what_a_tag_asks_for_beyond_the_configuration_fails_the_run_and_says_why(stack: ClusterStack) -> None:
    tags = [{"key": "dagster-k8s/config", "value": json.dumps({"container_config": {"image": "evil:1"}})}]
    run = stack.launch(A, "waiting", tags=tags)
    assert stack.wait_for_run(run) == "FAILURE"
    assert "an image that the configuration does not name: evil:1" in stack.messages(run)


def test_down_waits_for_runs(stack: ClusterStack) -> None:
    run = stack.launch(A, "waiting")
    stack.wait_for_run(run, "STARTED")
    process = stack.start("down")
    try:
        told = f"dagster-run-{run}"
        assert process.stderr is not None
        for line in process.stderr:
            if "waiting for" in line and told in line and "daemon" not in line:
                break
        pod = pod_of(stack, run)
        assert pod is not None
        stack.kubectl("exec", pod["metadata"]["name"], "--", "touch", "/opt/dagster/artifacts/go")
        _, err = process.communicate(timeout=stretched(120))
    finally:
        process.kill()
    assert process.returncode == 0, err
    with pytest.raises(KubectlFailed, match="not found"):
        stack.get("statefulset", "dagster-postgres")
