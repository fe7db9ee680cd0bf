"""Files of a Secret, variables of a ConfigMap and a budget, on a location that really runs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.asking import eventually
from tests.cluster.access import KubectlFailed
from tests.kubernetes import reads
from tests.kubernetes.pool import Pool
from tests.kubernetes.stacks import ClusterStack
from tests.shared import changed

A = "reads"


@pytest.fixture
def stack(shared_stack: Pool) -> ClusterStack:
    return shared_stack.take(A)


def test_what_it_is_to_read_and_is_not_there_is_named_before_anything_is_done(stack: ClusterStack) -> None:
    volume = {"name": "words", "path": "/etc/words", "secret": "nowhere"}
    pod = {"environment_from_config_maps": ["nothing"], "volumes": [volume]}
    with changed(stack, "b", pod=pod):
        refused = stack.run("deploy")
    said = refused.stdout + refused.stderr
    assert (refused.returncode, "secret/nowhere" in said, "configmap/nothing" in said) == (1, True, True)


def test_code_reads_a_mounted_secret_and_variables_of_a_config_map(stack: ClusterStack) -> None:
    assert stack.assets(A) == ["apple_red"]
    before = releases(stack)
    stack.access.apply(reads.settings("green"), namespace=stack.namespace)
    stack.ok("deploy")
    assert releases(stack) == {**before, A: before[A] + 1}
    assert stack.assets(A) == ["apple_green"]


def releases(stack: ClusterStack) -> dict[str, int]:
    """Return the releases but that of `a`, which other files roll out with settings of their own."""
    return {one["name"]: one["release"] for one in stack.status()["locations"] if one["name"] != "a"}


def test_its_budget_keeps_its_pod_from_a_drain_and_nobody_else_s(stack: ClusterStack) -> None:
    eventually("the budget to know its pods", lambda: stack.get("pdb", f"dagster-grpc-{A}")["status"])
    numbers = releases(stack)
    with pytest.raises(KubectlFailed, match="disruption budget"):
        evict(stack, A, numbers[A])
    evict(stack, "ops", numbers["ops"])
    with changed(stack, A, pod={**reads.POD, "disruption_budget": False}):
        assert f"poddisruptionbudget/dagster-grpc-{A}" in stack.plan()


def evict(stack: ClusterStack, location: str, release: int) -> None:
    """Evict its server as `kubectl drain` does, but without waiting, and as a dry run."""
    (server,) = stack.servers(location, release)
    pod = server["metadata"]["name"]
    metadata = {"name": pod, "namespace": stack.namespace}
    eviction: dict[str, Any] = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
    eviction["deleteOptions"] = {"dryRun": ["All"]}
    where = f"/api/v1/namespaces/{stack.namespace}/pods/{pod}/eviction"
    stack.access.kubectl("create", "--raw", where, "-f", "-", stdin=json.dumps(eviction))
