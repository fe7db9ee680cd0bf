"""The picture of the README, from the running product: `python -m tests.ui.picture`."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests import pipelines
from tests.pipelines import Pipeline, pipeline
from tests.stacks import ROOT, Stack, a_stack
from tests.ui.conftest import chromium
from tests.ui.page import Page

PICTURE = ROOT / "docs" / "ui.png"
LARGEST = 250_000
"""Bytes: the file is in every clone for good."""

SHOWN = "git@git.internal:data/pipelines.git"
"""The repository's name in the picture; git itself gets its real path."""


def main() -> None:
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
        code = pipeline(folder / "pipelines")
        _tell_git(code)
        stack = cleanup.enter_context(a_stack())
        run = _failed_redeploy(stack, code)
        browser = chromium(shutil.which("chromedriver") or "chromedriver")
        cleanup.callback(browser.quit)
        browser.set_window_size(1500, 1190)
        page = Page(browser, stack.ui)
        page.open_run(run, show="step:roll_out")
        page.shows("Failure", "resolving", "release 1 still serves", "STEP_FAILURE", "what to do")
        page.picture(PICTURE)
    size = PICTURE.stat().st_size
    assert size <= LARGEST, f"{PICTURE.name} has {size} bytes, more than {LARGEST}"


def _failed_redeploy(stack: Stack, code: Pipeline) -> str:
    """Deploy a stack on which a commit was refused. Returns the id of the run."""
    code.commit("prices", "Prices")
    repo = {"url": SHOWN, "ref": "main"}
    stack.configure(code_locations=[{"name": "a", **code.location, "repo": repo}, {"name": "b"}])
    stack.bootstrap()
    code.commit_text(pipelines.RAISES, "Add VAT to prices")
    run = stack.launch("ops", "redeploy", {"locations": ["a"]})
    assert stack.wait_for_run(run) == "FAILURE"
    return run


def _tell_git(code: Pipeline) -> None:
    """Configure git by the environment, which the stack passes to every git that it runs."""
    os.environ.update(
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0=f"url.{code.folder}.insteadOf",
        GIT_CONFIG_VALUE_0=SHOWN,
    )


if __name__ == "__main__":
    main()
