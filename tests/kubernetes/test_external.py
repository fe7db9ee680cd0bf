"""Applied by hand; its database and store are run by somebody else, and its runs have pods of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.asking import eventually
from tests.cluster.access import Access, KubectlFailed
from tests.kubernetes.external import CODE, HOST, IMAGED, OWN, A, World, a_world, secret, server
from tests.kubernetes.lasting import stdout
from tests.kubernetes.stacks import ClusterStack
from tests.objectstores import KEYS
from tests.pipelines import Pipeline
from tests.session.deadlines import stretched

GO = ("exec", "deployment/dagster-webserver", "--")
DAEMONS = "{ instance { daemonHealth { allDaemonStatuses { daemonType healthy } } } }"


@pytest.fixture(scope="module")
def world(access: Access, images: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(access, images[0], tmp_path_factory.mktemp("stack")) as made:
        yield made


@pytest.fixture
def stack(world: World) -> ClusterStack:
    return world.stack


@pytest.fixture
def code(world: World) -> Pipeline:
    return world.code


def test_a_secret_that_is_not_there_is_named(stack: ClusterStack) -> None:
    refused = stack.run(module="playground_ops.bootstrap")
    assert (refused.returncode, "secret/store" in refused.stdout + refused.stderr) == (1, True)
    stack.access.apply(secret("store", **KEYS), namespace=stack.namespace)


def apply(stack: ClusterStack, folder: Path) -> str:
    """Apply as a person does. Any warning of admission is a failure."""
    return stack.access.kubectl("apply", "--server-side", "--warnings-as-errors", "-f", str(folder))


def first(stack: ClusterStack, component: str) -> dict[str, Any]:
    (pod,) = stack.pods(component)
    return pod


def waits(stack: ClusterStack, component: str) -> bool:
    try:
        told = stack.kubectl("logs", f"deployment/dagster-{component}", "-c", "wait-for-database")
    except KubectlFailed:
        return False  # it has not started
    return f"waiting for the database at {HOST}:6432: " in told


def healthy(stack: ClusterStack) -> bool:
    """Return whether every daemon is healthy, as the webserver reads it from the database."""
    found = stack.graphql(DAEMONS)["instance"]["daemonHealth"]["allDaemonStatuses"]
    return bool(found) and all(one["healthy"] for one in found)


def test_applied_by_hand_it_waits_for_its_database_and_bootstrap_completes_it(
    stack: ClusterStack, tmp_path: Path
) -> None:
    """The first version's daemon went into a crash loop: tests/stack/test_daemon.py has its causes."""
    stack.ok("generate", "--output", str(tmp_path / "deploy"))
    apply(stack, tmp_path / "deploy")
    for component in ("webserver", "daemon"):
        eventually(f"the {component} to wait", partial(waits, stack, component), every_seconds=0.3)
    waiting = {component: first(stack, component)["metadata"]["uid"] for component in ("webserver", "daemon")}
    assert "serverside-applied" in apply(stack, tmp_path / "deploy"), "it conflicts with nobody"

    process = stack.start(module="playground_ops.bootstrap")
    try:
        stack.access.apply(server(), namespace=stack.namespace)
        out, err = process.communicate(timeout=stretched(200))
    finally:
        process.kill()
    assert process.returncode == 0, out + err
    for component, uid in waiting.items():
        pod = first(stack, component)
        assert pod["metadata"]["uid"] == uid, "what was applied is what is wanted"
        assert pod["status"]["containerStatuses"][0]["restartCount"] == 0, "no crash loop"
    eventually("the daemons to be healthy", lambda: healthy(stack))
    assert stack.get("statefulsets")["items"] == []
    assert stack.plan() == {}


def test_what_is_of_the_stack_s_own_database_is_refused(stack: ClusterStack) -> None:
    for command in (("backup", "x.backup"), ("secret", "rotate-database")):
        refused = stack.run(*command)
        assert refused.returncode == 2
        assert f"it is at {HOST}" in refused.stderr


def pod_of(stack: ClusterStack, run: str) -> dict[str, Any] | None:
    told = stack.kubectl("get", "pods", "-l", f"dagster/run-id={run}", "-o", "json")
    return next(iter(json.loads(told)["items"]), None)


def test_every_kind_of_location_has_its_runs_in_pods_and_their_values_are_in_the_store(world: World) -> None:
    stack = world.stack
    runs = {
        A: stack.launch(A, "up"),
        OWN: stack.launch(OWN, "refresh"),
        IMAGED: stack.launch(IMAGED, "__ASSET_JOB"),
        "ops": stack.launch("ops", "backup"),
    }
    for run in runs.values():
        stack.wait_for_success(run)
    pods = [pod_of(stack, run) for run in runs.values()]
    found = {pod["metadata"]["labels"]["playground.dagster/location"]: pod["spec"] for pod in pods if pod}
    assert {name: spec["serviceAccountName"] for name, spec in found.items()} == {
        **dict.fromkeys((A, OWN, IMAGED), "default"),
        "ops": "dagster-ops",
    }
    assert [name for name, spec in found.items() if spec["automountServiceAccountToken"]] == ["ops"]
    assert "read back by pg_restore" in stack.messages(runs["ops"]), "that database too"
    assert "numbers made by version 1" in stdout(stack, runs[A])
    there = world.bucket.objects()
    assert any(key.startswith(f"dagster/storage/{runs[A]}/compute_logs/") for key in there)
    assert {"dagster/values/b/numbers", "dagster/values/b/total"} <= set(there)
    look = "ls -R /opt/dagster/compute_logs 2> /dev/null; true"
    assert runs[A] not in stack.kubectl(*GO, "sh", "-c", look), "not on the claim"


def test_a_retry_and_runs_in_flight_or_queued_are_of_their_own_release(
    stack: ClusterStack, code: Pipeline, world: World
) -> None:
    """A retry has a pod of the release that was tried first. The others end well when that is long gone, and
    without the git server: their code is in the cache."""
    serving = stack.location(A)
    commit, own = serving["commit"], serving["release"]
    runs = [stack.launch(A, "alone"), stack.launch(A, "alone")]
    given = {"dagster/max_retries": "1", "fails": "once", "until": "soon"}
    tags = [{"key": key, "value": value} for key, value in given.items()]
    failing = stack.launch(A, "waiting", tags=tags)
    eventually("one of them to run", lambda: "STARTED" in [stack.run_status(run) for run in runs])
    stack.wait_for_run(failing, "STARTED")
    redeploy(stack, code, 2)
    stack.kubectl(*GO, "touch", "/opt/dagster/compute_logs/soon")
    assert stack.wait_for_run(failing) == "FAILURE"
    again = str(eventually("its retry", lambda: stack.retry_of(failing)))
    stack.wait_for_success(again)
    assert f"version 1 at {commit} in " in stack.messages(again)
    pod = pod_of(stack, again)
    assert pod is not None
    assert pod["metadata"]["labels"]["playground.dagster/run-of"] == str(own)

    redeploy(stack, code, 3)
    # Nothing is waited for: a release whose runs are elsewhere ends at once.
    eventually("the release to be gone", lambda: not stack.servers(A, own))
    world.git.close()
    assert sorted(stack.run_status(run) for run in runs) == ["QUEUED", "STARTED"]
    stack.kubectl(*GO, "touch", "/opt/dagster/compute_logs/go")
    for run in runs:
        stack.wait_for_success(run)
        assert f"version 1 at {commit} in /opt/dagster/app/repo/.worktrees/{commit}" in stack.messages(run)
    stack.kubectl(*GO, "rm", "/opt/dagster/compute_logs/go")
    assert runs[0] in stack.ok("logs", runs[0])
    # It reads what another release has written.
    stack.wait_for_success(stack.launch(A, "down"))


def redeploy(stack: ClusterStack, code: Pipeline, version: int) -> None:
    code.commit_text(CODE.format(version=version), f"Version {version}")
    stack.ok("redeploy", A)


def test_a_run_is_terminated_from_the_ui_and_one_whose_pod_is_lost_fails_and_says_so(
    stack: ClusterStack,
) -> None:
    ended, lost = (stack.launch(A, "waiting") for _ in range(2))
    for run in (ended, lost):
        stack.wait_for_run(run, "STARTED")
    pod = pod_of(stack, lost)
    assert pod is not None
    with suppress(KubectlFailed):  # it kills its own shell too
        stack.kubectl("exec", pod["metadata"]["name"], "--", "sh", "-c", "kill -9 -1")
    stack.terminate(ended)
    assert stack.wait_for_run(ended) == "CANCELED"
    eventually("its pod to be gone", lambda: pod_of(stack, ended) is None)
    assert stack.wait_for_run(lost, timeout_seconds=90) == "FAILURE"
    assert "K8s job has no active pods" in stack.messages(lost)


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
        stack.kubectl("exec", pod["metadata"]["name"], "--", "touch", "/opt/dagster/compute_logs/go")
        _, err = process.communicate(timeout=stretched(120))
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert stack.get("deployments")["items"] == []
