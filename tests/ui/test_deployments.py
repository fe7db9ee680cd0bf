"""Two versions of one pipeline, each in a deployment of its own: UI, command line, faults.

Everything happens in `next`; what `a` has in the main deployment is compared before and after.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from playground_ops.core.model import MAIN
from playground_ops.targets.local.folder import StateFolder
from playground_ops.targets.local.target import LocalTarget
from tests.ailing import findings, wait_until_well
from tests.asking import At, eventually
from tests.pipelines import Pipeline, pipeline
from tests.shared import SharedStack
from tests.stacks import ROOT, Stack
from tests.ui.page import Page

CODE = """\
import dagster as dg

BOTH = dg.StaticPartitionsDefinition(["north", "south"])


@dg.asset
def prices() -> int:
    return {value}


@dg.asset
def total(prices: int) -> int:
    return 2 * prices


@dg.asset(group_name="regions", partitions_def=BOTH)
def region() -> None: ...


@dg.schedule(cron_schedule="0 0 1 1 *", target=[prices])
def each_year() -> dg.RunRequest:
    return dg.RunRequest()


defs = dg.Definitions(assets=[prices, total, region], schedules=[each_year])
"""
START = """mutation($s: ScheduleSelector!) { startSchedule(scheduleSelector: $s) { __typename
  ... on PythonError { message } } }"""
BACKFILL = """mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) { __typename
  ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
BACKFILLED = """query($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill {
  status } } }"""
WIPE = """mutation($r: [PartitionsByAssetSelector!]!) { wipeAssets(assetPartitionRanges: $r) { __typename
  ... on PythonError { message } } }"""


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    made = pipeline(tmp_path_factory.mktemp("code") / "repository")
    made.commit_text(CODE.format(value=1), "Prices")
    return made


@pytest.fixture(scope="module")
def stack(local_stack: SharedStack[Stack], code: Pipeline) -> Iterator[Stack]:
    """A stack: `a` and `b` serve one commit of one repository, `c` has a deployment without a daemon."""
    locations = [
        {"name": "a", **code.location},
        {"name": "b", **code.location, "deployment": "next"},
        {"name": "c", **code.location, "deployment": "quiet"},
    ]
    deployments = [{"name": "next"}, {"name": "quiet", "daemon": "off"}]
    with local_stack.having(*locations, deployments=deployments) as made:
        yield made


def what_a_has(stack: Stack) -> dict[str, object]:
    """Return what main's database tells of `a`, and the bytes of its values."""
    home = StateFolder(stack.state).instance(MAIN).dagster_home
    with sqlite3.connect(f"file:{home}/history/runs.db?mode=ro", uri=True) as runs:
        rows = runs.execute(
            "SELECT * FROM runs WHERE run_body LIKE ? ORDER BY id", ['%"location_name": "a"%']
        ).fetchall()
    with sqlite3.connect(f"file:{home}/history/runs/index.db?mode=ro", uri=True) as events:
        of_assets = events.execute("SELECT * FROM event_logs WHERE asset_key NOT LIKE '%stack%'").fetchall()
    values = {
        str(file.relative_to(home)): hashlib.sha256(file.read_bytes()).hexdigest()
        for name in ("prices", "total")
        for file in [home / "storage" / name]
    }
    return {"runs": rows, "events": of_assets, "values": values}


def test_each_ui_shows_the_locations_of_its_deployment_and_no_others(stack: Stack) -> None:
    shown = {name: stack.at(name).locations() for name in (MAIN, "next", "quiet")}
    assert shown == {MAIN: ["a", "ops"], "next": ["b"], "quiet": ["c"]}
    assert stack.ok("ui", "next").strip() == stack.at("next").ui
    found = {one["name"]: one["deployment"] for one in stack.status()["locations"]}
    assert found == {"ops": MAIN, "a": MAIN, "b": "next", "c": "quiet"}
    assert {one["name"] for one in stack.status()["components"]} == {
        *("webserver", "daemon", "webserver-next", "daemon-next", "webserver-quiet")
    }
    assert findings(stack) == []


def materialize_all(browser: webdriver.Chrome, stack: Stack, deployment: str, location: str) -> None:
    """Click the button of that name on the location's page, and wait until its run has succeeded."""
    page, there = Page(browser, stack.at(deployment).ui), stack.at(deployment)
    before = there.run_ids()
    page.open_definitions(location)
    page.shows("Materialize all")
    bars = [one.get_attribute("href") for one in browser.find_elements(By.CSS_SELECTOR, "#deployment-bar a")]
    assert bars == ([] if deployment == MAIN else [f"{stack.ui}/"]), "its pages say where the main one is"
    page.click("Materialize all")
    page.shows("Launched run")
    assert "Multiple asset definitions" not in page.text
    new = [run for run in there.run_ids() if run not in before and is_of(there, run, location)]
    for run in new:
        there.wait_for_success(run)
    assert new


def is_of(there: At, run: str, location: str) -> bool:
    found = there.graphql(
        """query($id: ID!) { runOrError(runId: $id) { ... on Run {
          repositoryOrigin { repositoryLocationName } } } }""",
        id=run,
    )["runOrError"]["repositoryOrigin"]
    return bool(found and found["repositoryLocationName"] == location)


def test_materialize_all_succeeds_in_each_ui_and_nothing_that_is_done_in_one_changes_another(
    browser: webdriver.Chrome, stack: Stack, code: Pipeline
) -> None:
    """In `next`: runs, a backfill, a schedule that is switched on, a wipe, a redeploy and a rollback."""
    there = stack.at("next")
    plan = {"partitionNames": ["north", "south"], "assetSelection": [{"path": ["region"]}], "tags": []}
    launched = there.graphql(BACKFILL, p=plan)["launchPartitionBackfill"]  # it begins in half a minute
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    materialize_all(browser, stack, MAIN, "a")
    before, serves = what_a_has(stack), stack.location("a")["commit"]
    assert before["runs"], "a has materialized nothing"
    assert before["events"]
    repository = {"repositoryLocationName": "b", "repositoryName": "__repository__"}
    started = there.graphql(START, s={**repository, "scheduleName": "each_year"})["startSchedule"]
    assert started["__typename"] == "ScheduleStateResult", started
    materialize_all(browser, stack, "next", "b")
    code.commit_text(CODE.format(value=3), "Other prices")
    stack.ok("redeploy", "b")
    wiped = there.graphql(WIPE, r=[{"assetKey": {"path": ["prices"]}}])["wipeAssets"]
    assert wiped["__typename"] == "AssetWipeSuccess", wiped
    stack.ok("rollback", "b")

    def status() -> str:
        asked = there.graphql(BACKFILLED, id=launched["backfillId"])["partitionBackfillOrError"]
        return str(asked["status"])

    eventually("the backfill to end", lambda: status() == "COMPLETED_SUCCESS", 120, 0.5)
    assert what_a_has(stack) == before
    assert stack.location("a")["commit"] == serves


def test_a_promotion_across_deployments_brings_the_commit_and_no_data(stack: Stack, code: Pipeline) -> None:
    stack.ok("redeploy", "b")
    before = what_a_has(stack)
    stack.ok("promote", "b", "a")
    assert stack.location("a")["commit"] == stack.location("b")["commit"]
    assert what_a_has(stack) == before


def test_a_deployment_without_a_daemon_starts_runs_at_once(stack: Stack) -> None:
    there = stack.at("quiet")
    run = there.launch("c", "__ASSET_JOB", assets=["prices"])
    there.wait_for_success(run)
    assert "PIPELINE_ENQUEUED" not in there.event_types(run)


def test_what_fails_in_one_deployment_is_told_for_it_alone(stack: Stack) -> None:
    control = LocalTarget(stack.state, ROOT).stack.control()
    control.stop("webserver-next", 15.0)
    control.wait_gone("webserver-next", 30.0)
    told = {(one["component"], one["check"]) for one in findings(stack)}
    assert told == {("webserver-next", "healthy")}
    stack.ok("deploy")
    control.stop("daemon-next", 15.0)
    control.wait_gone("daemon-next", 30.0)
    told = {(one["component"], one["check"]) for one in findings(stack)}
    assert told == {("daemon-next", "healthy")}
    stack.ok("deploy")
    wait_until_well(stack)
