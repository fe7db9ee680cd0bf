"""A stack of the last version is upgraded, with a run in flight and the UI polled, and goes back again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from playground_ops.core.formats import OWN
from tests.pipelines import pipeline
from tests.stack.test_runs import wait_of
from tests.stacks import Stack, a_stack
from tests.versions import put, version_before
from tests.watching import must_have_shown, watched


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack whose clone is of the version before; its files are replaced in place, as a checkout does."""
    with a_stack() as made:
        yield replace(made, project=put(version_before(), tmp_path / "clone"))


def test_a_stack_of_the_last_version_is_upgraded_and_goes_back(stack: Stack, tmp_path: Path) -> None:
    code = pipeline(tmp_path / "a")
    code.commit("first")
    stack.configure(code_locations=[{"name": "a", **code.location}, {"name": "b"}])
    stack.bootstrap()
    go, back = tmp_path / "go", tmp_path / "back"
    flying = stack.launch("a", "waiting", wait_of(0.0, go))
    stack.wait_for_run(flying, "STARTED")
    records, before = stack.history("a"), stack.location("a")

    put(None, stack.project)
    checked = stack.ok("upgrade", "--check")
    assert "Version 0.1.0 deployed this stack" in checked
    assert "ops: a new release, through all gates" in checked
    with watched(stack.ui, ("a", "b")) as seen:
        done = stack.run("deploy")
    said = done.stdout + done.stderr

    assert done.returncode == 0, said
    assert "format 2 of what is stored" in said
    must_have_shown(seen, checked)
    assert stack.run_status(flying) == "STARTED"
    assert json.loads((stack.state / "format.json").read_text()) == OWN.model_dump()
    assert stack.history("a")[: len(records)] == records
    assert stack.location("a")["commit"] == before["commit"]
    assert stack.location("ops")["release"] == 2
    go.touch()
    stack.wait_for_success(flying)
    again = stack.launch("a", "waiting", wait_of(0.0, back))
    stack.wait_for_run(again, "STARTED")
    code.commit("second")
    stack.ok("redeploy", "a")

    put(version_before(), stack.project)
    with watched(stack.ui, ("a", "b")) as seen:
        stack.ok("deploy")

    must_have_shown(seen, checked)
    assert stack.run_status(again) == "STARTED"
    back.touch()
    stack.wait_for_success(again)
    assert stack.assets("a") == ["second"]
    stack.ok("health")
