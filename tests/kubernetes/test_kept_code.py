"""The git server is away, or the commit is gone from there: what serves comes back with the same code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.asking import eventually
from tests.cluster.gitservers import anonymous
from tests.kubernetes.stacks import ClusterStack
from tests.pipelines import pipeline
from tests.projects import git
from tests.shared import SharedStack

CODE = "code"
KEPT = "/opt/dagster/artifacts/.code"
LOOK = f"test -d {KEPT} && ! ls {KEPT} 2> /dev/null && echo not to be read"


def servers(stack: ClusterStack) -> set[str]:
    """The ids of its pods."""
    pods = stack.pods("location")
    return {str(pod["metadata"]["uid"]) for pod in pods if f"-{CODE}-" in pod["metadata"]["name"]}


def test_what_serves_comes_back_without_its_commit_and_without_its_repository(
    shared_stack: SharedStack[ClusterStack], tmp_path: Path
) -> None:
    code = pipeline(tmp_path / "code" / "repository")
    first = code.commit("prices")
    with anonymous(code.folder.parent) as url:
        repo = {"url": f"{url}/{code.folder.name}", "ref": "main"}
        with shared_stack.having({"name": CODE, "repo": repo, "module": "pipeline"}) as stack:
            code.rewrite("costs")
            with pytest.raises(AssertionError, match=first):
                git(code.folder, "cat-file", "-e", first)
            comes_back(stack, first)
    comes_back(stack, first)  # now nobody answers at all

    looked = stack.kubectl("exec", f"deployment/dagster-grpc-{CODE}-1", "--", "sh", "-c", LOOK)
    assert looked.splitlines() == ["not to be read"]


def comes_back(stack: ClusterStack, commit: str) -> None:
    """After its pod was deleted."""
    before = servers(stack)
    stack.kubectl("delete", "pod", "--selector", f"playground.dagster/location={CODE}", "--now")
    eventually("another server", lambda: servers(stack) - before, 60)
    eventually("it to be ready", lambda: stack.location(CODE)["ready"], 60)
    assert stack.location(CODE)["commit"] == commit
    eventually("its assets to be shown", lambda: stack.assets(CODE) == ["prices"])
