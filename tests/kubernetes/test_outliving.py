"""What outlives a release: values of assets, captured output, and runs in flight."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.asking import eventually
from tests.cluster import faults
from tests.cluster.access import KubectlFailed
from tests.cluster.audit import recorded
from tests.cluster.cluster import Cluster
from tests.kubernetes.lasting import CODE, stdout, with_a_queue
from tests.kubernetes.pool import Pool
from tests.kubernetes.stacks import ClusterStack
from tests.pipelines import Pipeline
from tests.queueing import filled

LONG, SHORT = "long", "short"
"""Runs of the second one may take five seconds once its server is retired."""


@pytest.fixture(scope="module")
def code(shared_stack: Pool, stack: ClusterStack) -> Pipeline:
    return shared_stack.code(LONG)


@pytest.fixture(scope="module")
def stack(shared_stack: Pool) -> ClusterStack:
    return shared_stack.take(LONG, with_a_queue(version=1))


def redeploy(stack: ClusterStack, code: Pipeline, version: int, *also: Pipeline) -> None:
    code.commit_text(with_a_queue(version), f"Version {version}")
    for one in also:
        one.commit_text(CODE.format(version=version), f"Version {version}")
    stack.ok("redeploy", *(one.folder.name for one in (code, *also)))


def let_go(stack: ClusterStack, release: int, file: str) -> None:
    stack.kubectl("exec", f"deployment/dagster-grpc-{LONG}-{release}", "--", "touch", file)


def test_values_output_and_runs_in_flight_or_queued_outlive_the_release_that_made_them(
    stack: ClusterStack, code: Pipeline, shared_stack: Pool
) -> None:
    """What waits runs on its own release, which is kept for it, and so does a retry. A run of a retired
    server that may not take so long is ended, and whoever ends it says so."""
    before = stack.location(LONG)["release"]
    made = stack.launch(LONG, "up")
    kept, doomed, late = (stack.launch(one, "waiting") for one in (LONG, LONG, SHORT))
    stack.wait_for_success(made)
    for run in (kept, doomed, late):
        stack.wait_for_run(run, "STARTED")
    queue = filled(stack, LONG, "/tmp/queue")
    for version in (2, 3):  # the second time the release with the runs is no longer the warm one
        redeploy(stack, code, version, shared_stack.code(SHORT))
    assert stack.location(LONG)["release"] == before + 2
    queue.waits()
    stack.wait_for_success(stack.launch(LONG, "down"))
    assert "numbers made by version 1" in stdout(stack, made)

    let_go(stack, before, "/tmp/queue")
    queue.ends_well()
    eventually("the server of the late run to end", lambda: not stack.location(SHORT)["draining"])
    stack.wait_for_success(stack.launch("ops", "health_check"))
    found = stack.location(LONG)
    assert (found["kept"], before in found["draining"]) == ([], True), "it is there for runs in flight alone"
    assert stack.wait_for_run(late) == "FAILURE"
    assert "had 5 s (longest_run_seconds) to finish" in stack.messages(late)
    others = [one for one in stack.run_ids() if one != late]
    assert any(late in stack.messages(one) for one in others), (
        "whoever ended it, perhaps by schedule, says so"
    )

    stack.terminate(doomed)
    assert stack.wait_for_run(doomed) == "CANCELED"
    let_go(stack, before, "/tmp/go")
    stack.wait_for_success(kept)
    eventually("the old server to end", lambda: not stack.location(LONG)["draining"])


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
        told = json.loads(stack.run("health", "--json").stdout)  # files before leave others as they are
    assert not [one for one in told["findings"] if one["component"] == LONG and one["urgent"]]
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
    commit = code.commit_text(f"{with_a_queue(9)}# {how} {phase}\n", "Version 9")
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
