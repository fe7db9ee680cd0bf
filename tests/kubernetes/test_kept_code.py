"""The git server is away, or the commit is gone from there: what serves comes back with the same code."""

from __future__ import annotations

import pytest

from tests.asking import eventually
from tests.kubernetes.pool import ON_ITS_OWN, Pool
from tests.kubernetes.stacks import ClusterStack
from tests.projects import git

CODE = ON_ITS_OWN
LOOK = "ls -d /opt/dagster/artifacts/.code /opt/dagster/kept 2> /dev/null; echo not to be seen"


def servers(stack: ClusterStack) -> set[str]:
    """Return the uids of its pods."""
    return {str(pod["metadata"]["uid"]) for pod in stack.servers(CODE)}


def test_what_serves_comes_back_without_its_commit_and_without_its_repository(
    shared_stack: Pool,
) -> None:
    stack = shared_stack.take(CODE)
    code, serving = shared_stack.code(CODE), stack.location(CODE)
    first, assets = serving["commit"], stack.assets(CODE)
    code.rewrite("costs")
    with pytest.raises(AssertionError, match=first):
        git(code.folder, "cat-file", "-e", first)
    comes_back(stack, first, assets)
    with shared_stack.git_away():
        comes_back(stack, first, assets)  # nobody answers at all

    server = f"deployment/dagster-grpc-{CODE}-{serving['release']}"
    looked = stack.kubectl("exec", server, "--", "sh", "-c", LOOK)
    assert looked.splitlines() == ["not to be seen"]


def comes_back(stack: ClusterStack, commit: str, assets: list[str]) -> None:
    """Delete its pod, and check that it comes back with the same code."""
    before = servers(stack)
    stack.kubectl("delete", "pod", "--selector", f"playground.dagster/location={CODE}", "--now")
    eventually("another server", lambda: servers(stack) - before, 60)
    eventually("it to be ready", lambda: stack.location(CODE)["ready"], 60)
    assert stack.location(CODE)["commit"] == commit
    eventually("its assets to be shown", lambda: stack.assets(CODE) == assets)
