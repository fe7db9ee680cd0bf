"""Two versions of one pipeline, with the same asset keys: refused in one deployment, at work in two."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from playground_ops.core.model import MAIN
from tests.asking import eventually
from tests.pipelines import Pipeline, pipeline
from tests.shared import SharedStack
from tests.stacks import Stack


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    made = pipeline(tmp_path_factory.mktemp("code") / "repository")
    made.commit("prices")
    return made


@pytest.fixture(scope="module")
def stack(local_stack: SharedStack[Stack], code: Pipeline) -> Iterator[Stack]:
    with local_stack.having({"name": "old", **code.location}) as made:
        yield made


def beside(stack: Stack, code: Pipeline, **settings: Any) -> None:
    """Configure the second version, in a stack that has another deployment."""
    quiet = {**code.location, "automation": "off"}
    locations = [{"name": "old", **quiet}, {"name": "new", **quiet, **settings}]
    stack.configure(code_locations=locations, deployments=[{"name": "next", "daemon": "off"}])


def refused(stack: Stack, *command: str) -> dict[str, Any]:
    ended = stack.run(*command, "--json")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    (finding,) = json.loads(ended.stdout)["findings"]
    return dict(finding)


def test_in_one_deployment_the_second_version_is_refused(stack: Stack, code: Pipeline) -> None:
    beside(stack, code)
    finding = refused(stack, "deploy")
    assert finding["observed"] == "1 asset key is served by location old too, in deployment main: prices."
    assert stack.assets("old") == ["prices"]
    assert stack.location("new")["release"] is None


def test_it_stays_where_it_serves_until_somebody_moves_it(stack: Stack, code: Pipeline) -> None:
    """In a deployment of its own it comes up; test_deployments.py of tests/ui shows what it does there."""
    beside(stack, code, deployment="next")
    stack.ok("deploy")
    commit = stack.location("new")["commit"]
    code.commit("prices", "Another commit of the same")
    beside(stack, code, shared_assets="warn")
    for command in (["deploy"], ["redeploy", "new"]):
        finding = refused(stack, *command)
        assert finding["observed"] == "It serves in deployment next; the configuration has it in main."
    (note,) = json.loads(stack.ok("deploy", "--force", "--json"))["plan"]["notes"]
    assert note.endswith(f"brought up in main at commit {commit[:12]}; its history stays in next.")
    found = stack.location("new")
    assert (found["deployment"], found["commit"], found["previous"]) == (MAIN, commit, None)
    eventually("its UI to show it", lambda: stack.at(MAIN).assets("new") == ["prices"])
    assert "new" not in stack.at("next").locations()
