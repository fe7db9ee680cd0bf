"""The picture of the README, from the running product: `python -m tests.ui.picture`."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from tests import pipelines
from tests.pipelines import pipeline
from tests.stacks import ROOT, a_stack
from tests.ui.conftest import chromium
from tests.ui.page import Page

PICTURE = ROOT / "docs" / "ui.png"


def main() -> None:
    browser = chromium(shutil.which("chromedriver") or "chromedriver")
    try:
        with a_stack() as stack, tempfile.TemporaryDirectory() as folder:
            code = pipeline(Path(folder) / "pipelines")
            code.commit("prices", "Prices")
            stack.configure(code_locations=[{"name": "a", **code.location}, {"name": "b"}])
            stack.bootstrap()
            code.commit_text(pipelines.RAISES, "Add VAT to prices")
            run = stack.launch("ops", "redeploy", {"locations": ["a"]})
            stack.wait_for_run(run)
            _take(Page(browser, stack.ui), run)
    finally:
        browser.quit()


def _take(page: Page, run: str) -> None:
    page.open(f"/runs/{run}?logs=a%20%C2%B7")
    page.shows("Failure", "resolving")
    page.open(f"/runs/{run}")
    page.shows("the price list has no column vat")
    time.sleep(2.0)  # until the page has stopped scrolling
    page.browser.save_screenshot(str(PICTURE))


if __name__ == "__main__":
    main()
