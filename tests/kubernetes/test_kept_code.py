"""The git server is away, or the commit is gone from there: what serves comes back with the same code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.asking import eventually
from tests.cluster.access import Access
from tests.cluster.gitservers import anonymous
from tests.kubernetes.stacks import ClusterStack, a_cluster_stack
from tests.pipelines import pipeline
from tests.projects import git

KEPT = "/opt/dagster/artifacts/.code"
LOOK = f"test -d {KEPT} && ! ls {KEPT} 2> /dev/null && echo not to be read"


def servers(stack: ClusterStack) -> set[str]:
    """The ids of the pods of location a."""
    return {str(pod["metadata"]["uid"]) for pod in stack.pods("location") if "-a-" in pod["metadata"]["name"]}


def test_what_serves_comes_back_without_its_commit_and_without_its_repository(
    access: Access, tmp_path: Path
) -> None:
    code = pipeline(tmp_path / "code" / "repository")
    first = code.commit("prices")
    (tmp_path / "stack").mkdir()
    with a_cluster_stack(access, tmp_path / "stack") as stack:
        with anonymous(code.folder.parent) as url:
            repo = {"url": f"{url}/{code.folder.name}", "ref": "main"}
            location = {"name": "a", "repo": repo, "module": "pipeline"}
            stack.configure(code_locations=[location])
            stack.bootstrap()
            code.rewrite("costs")
            with pytest.raises(AssertionError, match=first):
                git(code.folder, "cat-file", "-e", first)
            comes_back(stack, first)
        comes_back(stack, first)  # now nobody answers at all

        looked = stack.kubectl("exec", "deployment/dagster-grpc-a-1", "--", "sh", "-c", LOOK)
        assert looked.splitlines() == ["not to be read"]


def comes_back(stack: ClusterStack, commit: str) -> None:
    """After its pod was deleted."""
    before = servers(stack)
    stack.kubectl("delete", "pod", "--selector", "playground.dagster/location=a", "--now")
    eventually("another server", lambda: servers(stack) - before, 60)
    eventually("it to be ready", lambda: stack.location("a")["ready"], 60)
    assert stack.location("a")["commit"] == commit
    eventually("its assets to be shown", lambda: stack.assets("a") == ["prices"])
