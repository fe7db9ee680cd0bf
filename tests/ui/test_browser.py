"""What a person does in Dagster's UI, in a real headless Chromium."""

from __future__ import annotations

from tests import pipelines
from tests.pipelines import Pipeline
from tests.stacks import Stack, eventually
from tests.ui.page import Page

LAUNCHPAD = "/locations/ops/jobs/{job}/playground"


def launch(page: Page, job: str, config: dict[str, object]) -> str:
    page.open(LAUNCHPAD.format(job=job))
    page.type_run_config(config)
    page.click("Launch Run")
    return page.run_id()


def test_the_locations_are_loaded(page: Page) -> None:
    page.open("/deployment/locations")
    page.shows("ops", "a", "b", "Loaded")
    assert page.text.count("Loaded") == 3


def test_a_good_commit_is_redeployed(page: Page, stack: Stack, code: Pipeline) -> None:
    commit = code.commit("second", "Now with a second one")
    run = launch(page, "redeploy", {"locations": ["a"]})
    page.shows("Success", timeout_seconds=60)
    page.shows("ASSET_MATERIALIZATION")
    page.filter_log("a ·")
    page.shows(*(f"a · {phase}" for phase in ("resolving", "starting", "verifying")))
    page.shows(*(f"a · {phase}" for phase in ("switching", "confirming", "retiring")))
    page.open("/assets/stack/a?view=events")
    page.shows(commit[:12], "Now with a second one", "Ada", "switching")
    page.open("/locations/__repository__@a/asset-groups/default")
    page.shows("second")
    assert stack.run_status(run) == "SUCCESS"


def test_a_broken_commit_shows_its_cause_and_the_old_definitions_stay(page: Page, code: Pipeline) -> None:
    code.commit_text(pipelines.RAISES, "Break it")
    launch(page, "redeploy", {"locations": ["a"]})
    page.shows("Failure", timeout_seconds=60)
    page.shows("the price list has no column vat (at pipeline.py, line 1)")
    page.filter_log("Execution of step")
    page.shows("what went wrong", "likely cause", "what to do")
    page.open("/locations/__repository__@a/asset-groups/default")
    page.shows("second")
    page.open("/deployment/locations")
    page.shows("Loaded")
    assert page.text.count("Loaded") == 3


def test_terminating_the_run_cancels_the_rollout(page: Page, stack: Stack, code: Pipeline) -> None:
    code.commit_text(pipelines.HANGS, "Hang")
    run = launch(page, "redeploy", {"locations": ["a"]})
    eventually("a candidate", lambda: stack.location("a")["candidate"])
    page.click("Terminate")
    page.click("Terminate 1 run")
    page.shows("Canceled", timeout_seconds=60)
    assert stack.wait_for_run(run) == "CANCELED"
    assert stack.location("a")["candidate"] is None
    assert stack.assets("a") == ["second"]


def test_the_stack_is_in_the_asset_graph(page: Page) -> None:
    page.open("/locations/__repository__@ops/asset-groups/stack")
    page.shows("webserver", "daemon", "ops")


def test_a_rollback_from_the_ui(page: Page, stack: Stack) -> None:
    launch(page, "rollback", {"location": "a"})
    page.shows("Success", timeout_seconds=60)
    assert stack.assets("a") == ["first"]
