"""A location that writes without end: it ends itself alone, and what it fills is told and held against it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from playground_ops.core.pod import Pod
from tests.asking import eventually
from tests.cluster.access import KubectlFailed
from tests.kubernetes.lasting import CODE
from tests.kubernetes.pool import ON_ITS_OWN, Pool
from tests.kubernetes.stacks import ClusterStack
from tests.kubernetes.test_walls import inside

FULL, OTHER = "short", "long"
"""One with a bound of 64 MiB, and another one."""
WRITES = """
with open("/tmp/endless", "wb", buffering=0) as file:
    for _ in range(256):
        file.write(bytes(1024 * 1024))
"""
FILLS = """
import pathlib
place = pathlib.Path("/opt/dagster/artifacts/storage/filled/today")
place.parent.mkdir(parents=True, exist_ok=True)
with place.open("wb") as file:
    for _ in range(80):
        file.write(b"x" * 1024 * 1024)
"""
EMPTIES = "import shutil; shutil.rmtree('/opt/dagster/artifacts/storage/filled')"


@pytest.fixture(scope="module")
def stack(shared_stack: Pool) -> ClusterStack:
    return shared_stack.bare()


def its_room(stack: ClusterStack, location: str) -> list[dict[str, Any]]:
    findings = json.loads(stack.run("health", "--json").stdout)["findings"]
    return [one for one in findings if (one["component"], one["check"]) == (location, "has_room")]


def test_what_fills_its_folder_on_the_claim_is_named_and_its_next_rollout_refused_alone(
    stack: ClusterStack, shared_stack: Pool
) -> None:
    serving = stack.location(FULL)["release"]
    inside(stack, FULL, FILLS)
    try:
        # A look measures for a moment, and the next one goes on where a busy machine left it.
        (told,) = eventually("it to be measured", lambda: its_room(stack, FULL))
        assert "of the 64.0 MiB that it may" in told["observed"]
        assert "storage/filled (80.0 MiB)" in told["observed"]
        assert its_room(stack, OTHER) == []
        for name in (FULL, OTHER):
            shared_stack.code(name).commit_text(CODE.format(version=1) + "\n# with room\n", "With room")
        refused = stack.run("redeploy", FULL, "--json")
        assert refused.returncode == 1, refused
        (finding,) = json.loads(refused.stdout)["findings"]
        assert (finding["object"], finding["kind"]) == (f"location/{FULL}", "capacity")
        assert "its next rollout is refused" in finding["cause"]
        stack.ok("redeploy", OTHER)
        assert stack.location(FULL)["release"] == serving
    finally:
        inside(stack, FULL, EMPTIES)
    stack.ok("redeploy", FULL)
    assert stack.location(FULL)["release"] > serving
    assert its_room(stack, FULL) == []


@pytest.mark.soak
def test_what_writes_without_end_in_its_pod_is_ended_alone(stack: ClusterStack) -> None:
    """Its kubelet measures a volume once in one or two minutes, and looks at that every ten seconds."""
    others = {one["metadata"]["uid"] for one in stack.servers(OTHER)}
    serving = stack.location(ON_ITS_OWN)["release"]
    (server,) = stack.servers(ON_ITS_OWN, serving)
    try:
        inside(stack, ON_ITS_OWN, WRITES)
    except KubectlFailed as failed:
        assert "exit code 137" in str(failed), "it may be ended while it writes"
    name = server["metadata"]["name"]
    eventually("its eviction", lambda: has_ended(stack, name), 150)
    try:
        eventually("it to serve again", lambda: stack.location(ON_ITS_OWN)["ready"], 60)
        (told,) = [
            one
            for one in json.loads(stack.run("health", "--json").stdout)["findings"]
            if one["object"] == f"pod/{name}"
        ]
        assert told["observed"].startswith(
            'Evicted: Usage of EmptyDir volume "tmp" exceeds the limit "128Mi" (at '
        )
        assert (told["component"], told["kind"]) == (ON_ITS_OWN, "capacity")
        assert "ephemeral-storage" in told["fix"]
        after = stack.servers(OTHER)
        assert {one["metadata"]["uid"] for one in after} == others
        counts = [one["restartCount"] for pod in after for one in pod["status"]["containerStatuses"]]
        assert set(counts) == {0}
    finally:
        stack.kubectl("delete", "pod", name)


def has_ended(stack: ClusterStack, name: str) -> bool:
    return Pod.read(stack.get("pod", name)).has_ended
