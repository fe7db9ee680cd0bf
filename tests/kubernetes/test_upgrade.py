"""Another image of Dagster: first the schema, then webserver and daemon, or nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.cluster import Cluster
from tests.kubernetes.pool import Pool
from tests.kubernetes.stacks import POD, ClusterStack

OLD = "docker.io/dagster/dagster-k8s:1.13.27"
NEW = "docker.io/dagster/dagster-k8s:as-if-newer"


@pytest.fixture(scope="module")
def stack(shared_stack: Pool, cluster: Cluster) -> Iterator[ClusterStack]:
    """The new image is the old one under another name, and the old one is where it goes back to."""
    cluster.node("node1").ctr("images", "tag", "--force", OLD, NEW)
    with shared_stack.having() as made:
        yield made
    with shared_stack.having():
        pass
    cluster.node("node1").ctr("images", "rm", NEW)


def image_of(stack: ClusterStack, component: str) -> str:
    (pod,) = stack.pods(component)
    return str(pod["spec"]["containers"][0]["image"])


def upgraded(**pod: Any) -> dict[str, Any]:
    return {
        "webserver": {"pod": {**POD, "image": NEW, **pod}},
        "daemon": {"pod": {**POD, "image": NEW}},
        "code_locations": [],
    }


def test_an_image_that_can_not_migrate_changes_nothing(stack: ClusterStack) -> None:
    stack.configure(**upgraded(image="docker.io/library/postgres:15"))
    ended = stack.run("deploy")
    assert ended.returncode == 1
    assert "first the database's schema is migrated" in ended.stderr
    assert "The image has no such command." in ended.stderr
    assert (image_of(stack, "webserver"), image_of(stack, "daemon")) == (OLD, OLD)
    assert stack.get("jobs")["items"] == []


def test_from_the_ui_it_is_refused_with_what_to_do(stack: ClusterStack) -> None:
    stack.configure(**upgraded())
    stack.ok("deploy", "--components", "configuration")
    early = stack.launch("ops", "deploy")
    assert stack.wait_for_run(early) == "FAILURE"
    assert f"an image that the configuration does not name: {NEW}" in stack.messages(early)
    assert "Run `python -m playground_ops deploy` from a clone." in stack.messages(early)
    stack.ok("deploy", "--components", "foundation")
    run = stack.launch("ops", "deploy")
    assert stack.wait_for_run(run) == "FAILURE"
    assert "schema is migrated first, which `ops` has no right to do" in stack.messages(run)
    assert image_of(stack, "webserver") == OLD


def test_the_schema_comes_first(stack: ClusterStack) -> None:
    stack.configure(**upgraded())
    ended = stack.run("deploy")
    assert ended.returncode == 0, ended.stderr
    said = ended.stderr
    assert said.index("the schema is migrated") < said.index("deployment/dagster-webserver changed")
    assert (image_of(stack, "webserver"), image_of(stack, "daemon")) == (NEW, NEW)
    assert stack.plan() == {}
    assert stack.get("jobs")["items"] == []
