"""A real browser on a real stack."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver

from tests.pipelines import Pipeline, pipeline
from tests.stacks import Stack, a_stack
from tests.ui.page import Page


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    made = pipeline(tmp_path_factory.mktemp("code") / "repository")
    made.commit("first", "The first one")
    return made


@pytest.fixture(scope="module")
def stack(code: Pipeline) -> Iterator[Stack]:
    with a_stack() as made:
        made.configure(code_locations=[{"name": "a", **code.location}, {"name": "b"}])
        made.bootstrap()
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    binary, driver = _binary(), shutil.which("chromedriver")
    if binary is None or driver is None:
        missing = "These tests need chromium and chromedriver (Debian: chromium, chromium-driver)."
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    found = chromium(driver)
    try:
        yield found
    finally:
        found.quit()


@pytest.fixture
def page(
    browser: webdriver.Chrome, stack: Stack, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Page]:
    failed_before = request.session.testsfailed
    yield Page(browser, stack.ui)
    if request.session.testsfailed > failed_before:
        shown = tmp_path / "failed.png"
        browser.save_screenshot(str(shown))
        print(f"what the browser showed: {shown}")


def chromium(driver: str) -> webdriver.Chrome:
    """A headless one with a window of a laptop's size."""
    options = webdriver.ChromeOptions()
    options.binary_location = _binary() or "chromium"
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1500,1000"):
        options.add_argument(argument)
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))


def _binary() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if (found := shutil.which(name))), None)
