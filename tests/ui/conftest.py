"""Fixtures: a real browser on a real stack."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import WebDriverException

from tests.pipelines import Pipeline, of_worker
from tests.serving import served
from tests.session import needs
from tests.session.needs import BROWSER
from tests.shared import SharedStack
from tests.stack.conftest import of_pipeline
from tests.stacks import Stack
from tests.ui.page import Page


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    made = of_worker(tmp_path_factory)
    made.commit("prices", "Prices")
    return made


@pytest.fixture(scope="module")
def stack(local_stack: SharedStack[Stack], code: Pipeline) -> Iterator[Stack]:
    """A stack with the locations of tests/stack."""
    with local_stack.having(*of_pipeline(code)) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    if needs.lacking(BROWSER):
        needs.refuse(BROWSER)
    found = chromium(shutil.which("chromedriver") or "")
    try:
        yield found
    finally:
        found.quit()


@pytest.fixture
def page(browser: webdriver.Chrome, stack: Stack, tmp_path: Path) -> Page:
    return Page(browser, stack.ui)


class _Pages(BaseHTTPRequestHandler):
    """Any path is an empty page; its script comes from the test."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title><body></body>")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[int]:
    """Yield the port of a webserver that is somebody else's."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
    with served(server):
        yield server.server_address[1]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add a picture of the page to the report of a failure."""
    report = yield
    page = getattr(item, "funcargs", {}).get("page")
    if report.when == "call" and report.failed and isinstance(page, Page):
        file = Path(str(item.funcargs["tmp_path"]), "failed.png")
        try:
            page.browser.save_screenshot(str(file))
        except WebDriverException as error:
            report.sections.append(("no picture of the page", str(error)))
        else:
            report.sections.append(("what the browser showed", str(file)))
    return report


def chromium(driver: str, *more: str) -> webdriver.Chrome:
    """Return a headless one with a window of a laptop's size; `more` are further arguments."""
    options = webdriver.ChromeOptions()
    options.binary_location = needs.browser() or "chromium"
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--window-size=1500,1000",
        *more,
    ):
        options.add_argument(argument)
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
