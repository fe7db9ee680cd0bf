"""What a person does in Dagster's UI, in a real headless Chromium."""

from __future__ import annotations

import json
from urllib.parse import quote

from tests import pipelines
from tests.asking import eventually
from tests.pipelines import Pipeline
from tests.stacks import Stack
from tests.ui.page import Page

LAUNCHPAD = "/locations/ops/jobs/{job}/playground"


def launch(page: Page, job: str, config: dict[str, object]) -> str:
    """Launch a job of `ops` from its launchpad. Returns the id of the run whose page then opens."""
    page.open(LAUNCHPAD.format(job=job))
    page.type_run_config(config)
    page.click("Launch Run")
    return page.run_id()


def shows_that_all_are_loaded(page: Page) -> None:
    page.open("/deployment/locations")
    for name in ("ops", "a", "b"):
        page.shows_location(name, "Loaded")


def serves(page: Page, stack: Stack, *assets: str) -> None:
    """Check that the UI shows exactly these assets of location `a`."""
    page.open_definitions("a")
    page.shows(*assets)
    assert stack.assets("a") == sorted(assets)


def test_the_locations_are_loaded(page: Page) -> None:
    shows_that_all_are_loaded(page)


def test_a_good_commit_is_redeployed(page: Page, stack: Stack, code: Pipeline) -> None:
    stack.ok("redeploy", "a")
    serves(page, stack, "prices")
    number = stack.next_number("a")
    commit = code.commit("orders", "Orders beside prices")

    run = launch(page, "redeploy", {"locations": ["a"], "ref": commit})

    page.shows("Success", "RUN_SUCCESS", timeout_seconds=120)
    page.shows("ASSET_MATERIALIZATION", f"a serves release {number} at {commit[:12]}")
    page.open_run(run, show="a ·")
    page.shows(*(f"a · {phase}" for phase in ("resolving", "starting", "verifying")))
    page.shows(*(f"a · {phase}" for phase in ("switching", "confirming", "retiring")))
    page.open("/assets/stack/a?view=events")
    page.shows("Materialized", commit, "Orders beside prices", "Ada", "switching")
    serves(page, stack, "orders")
    shows_that_all_are_loaded(page)


def test_a_page_of_another_site_launches_nothing(page: Page, stack: Stack, elsewhere: int) -> None:
    """A page at another address asks for `redeploy` by GET, which Dagster's own webserver obeys."""
    selector = {"repositoryLocationName": "ops", "repositoryName": "__repository__", "jobName": "redeploy"}
    plan = {"selector": selector, "runConfigData": {"locations": ["a"], "force": True}}
    variables = quote(json.dumps({"p": plan}))
    query = quote("mutation($p: ExecutionParams!) { launchRun(executionParams: $p) { __typename } }")
    url, before = f"{stack.ui}/graphql?query={query}&variables={variables}", stack.run_ids()
    page.browser.get(f"http://localhost:{elsewhere}")
    for options in ({"mode": "no-cors"}, {"mode": "no-cors", "method": "POST"}):
        asked = "fetch(arguments[0], arguments[1]).then((found) => arguments[2](found.type), arguments[2])"
        assert page.browser.execute_async_script(asked, url, options) == "opaque"
    assert stack.run_ids() == before


def test_a_broken_commit_shows_its_cause_and_the_old_definitions_stay(
    page: Page, stack: Stack, code: Pipeline
) -> None:
    before = stack.location("a")
    (asset,) = stack.assets("a")
    broken = pipelines.DEFINITIONS.format(asset="taxes") + pipelines.RAISES
    commit = code.commit_text(broken, "Add VAT to prices")

    run = launch(page, "redeploy", {"locations": ["a"]})

    page.shows("Failure", "RUN_FAILURE", timeout_seconds=120)
    cause = f"the price list has no column vat (at pipeline.py, line {broken.count(chr(10))})"
    page.shows(cause)
    page.open_run(run, show="type:STEP_FAILURE")
    page.shows(cause, "what went wrong", "likely cause", "what to do", "it will fail again")
    page.open("/assets/stack/a?view=events")
    page.shows(f"failed; release {before['release']} still serves", commit, "Add VAT to prices", cause)
    serves(page, stack, asset)
    assert "taxes" not in page.text
    shows_that_all_are_loaded(page)


def test_terminating_the_run_cancels_the_rollout(page: Page, stack: Stack, code: Pipeline) -> None:
    (asset,) = stack.assets("a")
    code.commit_text(pipelines.HANGS, "Hang")

    run = launch(page, "redeploy", {"locations": ["a"]})
    eventually("a candidate", lambda: stack.location("a")["candidate"])
    page.click("Terminate")
    page.click("Terminate 1 run")

    page.shows("Canceled", "RUN_CANCELED", timeout_seconds=120)
    page.open_run(run, show="cancelled")
    page.shows("cancelled: cleaning up; the serving releases stay")
    assert stack.location("a")["candidate"] is None
    serves(page, stack, asset)
    shows_that_all_are_loaded(page)


def test_a_rollback_from_the_ui(page: Page, stack: Stack) -> None:
    serves(page, stack, "orders")
    launch(page, "rollback", {"location": "a"})
    page.shows("Success", "RUN_SUCCESS", timeout_seconds=120)
    serves(page, stack, "prices")


def test_a_plan_says_what_a_deploy_would_change(page: Page) -> None:
    launch(page, "plan", {})
    page.shows("RUN_SUCCESS", "0 to create, 0 to update, 0 to delete, 5 unchanged", timeout_seconds=120)


def test_the_stack_is_in_the_asset_graph(page: Page) -> None:
    page.open("/locations/__repository__@ops/asset-groups/stack")
    page.shows("webserver", "daemon", "ops", "Materialized")


def test_what_is_off_and_what_a_person_starts_is_seen(page: Page, stack: Stack) -> None:
    schedule = "/locations/__repository__@{}/schedules/{}"
    page.open(schedule.format("b", "every_morning"))
    assert not page.switch_is_on()
    page.open(schedule.format("a", "every_minute"))
    assert not page.switch_is_on()
    page.switch()
    eventually("it to be on", page.switch_is_on)
    page.open(schedule.format("a", "every_minute"))
    assert page.switch_is_on()
    page.switch()
    eventually("it to be off", lambda: not page.switch_is_on(), 20)
