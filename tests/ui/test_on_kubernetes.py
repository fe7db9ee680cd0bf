"""The UI of a stack on the tests' cluster, reached as a person does: by the command `ui`, in a browser."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver

from tests.asking import eventually
from tests.kubernetes.pool import Pool
from tests.kubernetes.stacks import ClusterStack
from tests.pipelines import DEFINITIONS
from tests.ui.page import Page


@pytest.fixture(scope="module")
def cluster_stack(shared_stack: Pool) -> ClusterStack:
    shared_stack.plain()
    return shared_stack.take("a", DEFINITIONS.format(asset="materials"))


@pytest.fixture(scope="module")
def address(cluster_stack: ClusterStack) -> Iterator[str]:
    with cluster_stack.start("ui", "--no-browser") as running:
        assert running.stdout is not None
        yield running.stdout.readline().strip()
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 130


@pytest.fixture
def page(browser: webdriver.Chrome, address: str, tmp_path: Path) -> Page:
    return Page(browser, address.rstrip("/"))


def test_all_locations_are_loaded(page: Page) -> None:
    page.open("/deployment/locations")
    for name in ("ops", "a", "b"):
        page.shows_location(name, "Loaded")


def test_an_asset_is_made_and_its_events_outlive_the_database_and_the_daemon(
    page: Page, cluster_stack: ClusterStack
) -> None:
    page.open("/assets/materials")
    before = latest_run(cluster_stack)

    def another() -> str | None:
        run = latest_run(cluster_stack)
        return None if run == before else run

    page.click("Materialize")
    run = eventually("the run", another, every_seconds=0.5)
    page.open_run(run)
    page.shows("Success", "RUN_SUCCESS", timeout_seconds=120)
    for selector in ("statefulset.kubernetes.io/pod-name=dagster-postgres-0", "app=dagster-daemon"):
        cluster_stack.kubectl("delete", "pod", "-l", selector)
    eventually("all to be ready", lambda: all(one["ready"] for one in cluster_stack.status()["components"]))
    page.open_run(run, show="Materialized")
    page.shows("Success", "ASSET_MATERIALIZATION", timeout_seconds=120)


def test_the_plan_is_a_table_on_its_run_s_page(page: Page) -> None:
    page.open("/locations/ops/jobs/plan/playground")
    page.click("Launch Run")
    page.run_id()
    page.shows("Success", "RUN_SUCCESS", timeout_seconds=120)
    page.shows("0 to create, 0 to update, 0 to delete")


def latest_run(stack: ClusterStack) -> str | None:
    query = "{ runsOrError(limit: 1) { ... on Runs { results { runId jobName } } } }"
    found = stack.graphql(query)["runsOrError"]["results"]
    return str(found[0]["runId"]) if found and found[0]["jobName"] == "__ASSET_JOB" else None
