"""What outlives a release: values of assets, captured output, and runs in flight."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.asking import eventually
from tests.cluster import faults
from tests.cluster.access import KubectlFailed
from tests.cluster.audit import recorded
from tests.cluster.cluster import Cluster
from tests.kubernetes.lasting import CODE, stdout
from tests.kubernetes.pool import Pool
from tests.kubernetes.stacks import ClusterStack
from tests.pipelines import Pipeline
from tests.queueing import Queueing

LONG, SHORT = "long", "short"
"""Runs of the second one may take five seconds once its server is retired."""


@pytest.fixture(scope="module")
def code(shared_stack: Pool, stack: ClusterStack) -> Pipeline:
    return shared_stack.code(LONG)


@pytest.fixture(scope="module")
def stack(shared_stack: Pool) -> ClusterStack:
    return shared_stack.take(LONG, CODE.format(version=1))


def redeploy(stack: ClusterStack, code: Pipeline, version: int, *also: Pipeline) -> None:
    """Redeploy from the UI."""
    for one in (code, *also):
        one.commit_text(CODE.format(version=version), f"Version {version}")
    names = [one.folder.name for one in (code, *also)]
    stack.wait_for_success(stack.launch("ops", "redeploy", {"locations": names}))


def test_values_output_and_runs_in_flight_outlive_the_release_that_made_them(
    stack: ClusterStack, code: Pipeline, shared_stack: Pool
) -> None:
    """A run of a retired server that may not take so long is ended, and whoever ends it says so."""
    before = stack.location(LONG)["release"]
    made = stack.launch(LONG, "up")
    kept, doomed, late = (stack.launch(one, "waiting") for one in (LONG, LONG, SHORT))
    stack.wait_for_success(made)
    for run in (kept, doomed, late):
        stack.wait_for_run(run, "STARTED")
    for version in (2, 3):  # the second time the release with the runs is no longer the warm one
        redeploy(stack, code, version, shared_stack.code(SHORT))
    found = stack.location(LONG)
    assert (found["release"], before in found["draining"]) == (before + 2, True)
    stack.wait_for_success(stack.launch(LONG, "down"))
    assert "numbers made by version 1" in stdout(stack, made)

    stack.terminate(doomed)
    assert stack.wait_for_run(doomed) == "CANCELED"
    stack.kubectl("exec", f"deployment/dagster-grpc-{LONG}-{before}", "--", "touch", "/tmp/go")
    stack.wait_for_success(kept)
    for location in (LONG, SHORT):
        eventually("the old server to end", lambda name=location: not stack.location(name)["draining"])

    stack.wait_for_success(stack.launch("ops", "health_check"))
    assert stack.wait_for_run(late) == "FAILURE"
    assert "had 5 s (longest_run_seconds) to finish" in stack.messages(late)
    others = [one for one in stack.run_ids() if one != late]
    assert any(late in stack.messages(one) for one in others), (
        "whoever ended it, perhaps by schedule, says so"
    )


def test_queued_runs_and_retries_run_on_their_own_release_which_is_kept_for_them(
    stack: ClusterStack, code: Pipeline
) -> None:
    def go(release: int) -> None:
        stack.kubectl("exec", f"deployment/dagster-grpc-{LONG}-{release}", "--", "touch", "/tmp/go")

    Queueing(stack, code, LONG).a_queue_outlives_its_release(
        "/tmp/go", go, lambda: stack.wait_for_success(stack.launch("ops", "health_check"))
    )


def test_rolling_back_takes_the_release_that_is_warm(stack: ClusterStack) -> None:
    now = stack.location(LONG)
    run = stack.launch("ops", "rollback", {"location": LONG})
    stack.wait_for_success(run)
    assert stack.location(LONG)["release"] == now["previous"]


def test_a_rollback_from_outside_starts_no_pod(stack: ClusterStack, cluster: Cluster) -> None:
    now = stack.location(LONG)
    with recorded(cluster, namespace=stack.namespace) as calls:
        stack.ok("rollback", LONG)
    assert stack.location(LONG)["release"] != now["release"]
    assert [call for call in calls.all if call.resource == "pods/exec"]
    assert not [call for call in calls.writes if call.resource in ("jobs", "pods")]


def test_whoever_may_run_nothing_in_pods_has_a_job_for_it(stack: ClusterStack, cluster: Cluster) -> None:
    with nobody_may_exec(stack), recorded(cluster, namespace=stack.namespace) as calls:
        stack.ok("health")
    assert [call for call in calls.denied if call.resource == "pods/exec"]
    assert [call for call in calls.writes if (call.verb, call.resource) == ("create", "jobs")]


@contextmanager
def nobody_may_exec(stack: ClusterStack) -> Iterator[None]:
    """Refuse `exec` in its namespace, by a policy: the tests' own login may do everything."""
    name, api = f"no-exec-{stack.namespace}", "admissionregistration.k8s.io/v1"
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": stack.namespace}}}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CONNECT"], "resources": ["pods/exec"]}
    refusing = {"expression": "false", "message": "nobody may", "reason": "Forbidden"}
    policy = {"matchConstraints": {**here, "resourceRules": [rule]}, "validations": [refusing]}
    binding = {"policyName": name, "matchResources": here, "validationActions": ["Deny"]}
    specs = {"ValidatingAdmissionPolicy": policy, "ValidatingAdmissionPolicyBinding": binding}
    made = [
        {"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": spec}
        for kind, spec in specs.items()
    ]
    stack.access.apply(*made)

    def is_refused() -> bool:
        try:
            stack.kubectl("exec", "deployment/dagster-webserver", "--", "true")
        except KubectlFailed as error:
            return "nobody may" in str(error)
        return False

    try:
        eventually("the policy to be in force", is_refused)
        yield
    finally:
        for kind in specs:
            stack.kubectl("delete", kind, name)


@pytest.mark.soak
def test_runs_launched_while_the_address_moves_can_be_terminated(stack: ClusterStack, code: Pipeline) -> None:
    runs: list[str] = []
    over = threading.Event()

    def launch() -> None:
        while len(runs) < 6 and not over.wait(1.5):
            runs.append(stack.launch(LONG, "waiting"))

    launcher = threading.Thread(target=launch)
    launcher.start()
    try:
        redeploy(stack, code, 8)
    finally:
        over.set()
        launcher.join()
    for run in runs:
        stack.wait_for_run(run, "STARTED")
        stack.terminate(run)
    assert {stack.wait_for_run(run) for run in runs} == {"CANCELED"}


def under_way(stack: ClusterStack, phase: str) -> bool:
    records = f"app.kubernetes.io/component=record,playground.dagster/location={LONG}"
    found = stack.kubectl("get", "configmaps", "-l", records, "-o", "jsonpath={.items[*].data.outcome}")
    return f"under way: {phase}" in found


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", ["its pod is deleted", "its process is killed"])
@pytest.mark.parametrize("phase", ["starting", "switching"])
def test_ops_ends_in_the_middle_of_a_rollout_that_it_makes(
    stack: ClusterStack, code: Pipeline, cluster: Cluster, how: str, phase: str
) -> None:
    before = stack.location(LONG)["commit"]
    commit = code.commit_text(f"{CODE.format(version=9)}# {how} {phase}\n", "Version 9")
    run = stack.launch("ops", "redeploy", {"locations": [LONG]})
    eventually(f"it to be {phase}", lambda: under_way(stack, phase), every_seconds=0.1)
    (pod,) = stack.access.pods(stack.namespace, "playground.dagster/location=ops")
    if how == "its pod is deleted":
        stack.kubectl("delete", "pod", pod.name, "--now")
    else:
        faults.kill_container(cluster, pod, "dagster-grpc")
    assert stack.location(LONG)["commit"] in (before, commit)
    eventually("ops to be back", lambda: stack.location("ops")["ready"], every_seconds=1)
    eventually("the lock to expire", lambda: stack.run("redeploy", LONG).returncode == 0, every_seconds=2)
    assert stack.location(LONG)["commit"] == commit
    assert stack.location(LONG)["candidate"] is None
    assert not under_way(stack, "")
    stack.wait_for_run(stack.launch("ops", "health_check"))
    assert stack.wait_for_run(run) in ("FAILURE", "CANCELED", "SUCCESS")
