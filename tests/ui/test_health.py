"""A failure as a person on call sees it: the graph, the check's page, the run's page."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from playground_ops.targets.local.processes import read_state
from tests.asking import eventually
from tests.stacks import Stack
from tests.ui.page import Page

GRAPH, CHECK = (
    "/locations/__repository__@ops/asset-groups/stack",
    "/assets/stack/b?view=checks&checkDetail=healthy",
)


@pytest.fixture
def hangs(stack: Stack) -> Iterator[None]:
    """Make the server of `b` answer nobody."""
    state = read_state(stack.state, f"b-{stack.location('b')['release']}")
    assert state is not None
    assert state.pid is not None
    os.kill(state.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(state.pid, signal.SIGCONT)


def look(stack: Stack) -> str:
    run = stack.launch("ops", "health_check")
    stack.wait_for_success(run)
    return run


@pytest.mark.usefixtures("hangs")
def test_what_hurts_is_red_where_a_person_looks(page: Page, stack: Stack) -> None:
    run = look(stack)
    page.open(GRAPH)
    page.shows("foundation", "webserver", "daemon", "6 / 7 Passed", "7 / 7 Passed")
    page.open(CHECK)
    page.shows("Failed", "does not answer", "rollback b")
    page.open_run(run, show="not passed")
    page.shows("checks are not passed", "component", "healthy", "does not answer")


def test_a_check_is_executed_by_its_button_and_what_is_well_again_is_green(page: Page, stack: Stack) -> None:
    before = set(stack.run_ids())
    page.open(CHECK)
    page.shows("Failed")
    page.click("Execute")

    def its_run() -> str | None:
        made = {run: stack.messages(run) for run in set(stack.run_ids()) - before}
        return next((run for run, said in made.items() if "healthy" in said and "tidy" not in said), None)

    run = eventually("its run", its_run)
    stack.wait_for_success(run)
    assert stack.messages(run).count("Asset check '") == 1
    page.shows("Passed", "well")
    page.open_run(look(stack), show="well")
    page.shows("Everything is well: ")
