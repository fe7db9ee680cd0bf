"""The tutorial, followed in an empty folder with Python and git alone, and looked at in a browser.

The package is a wheel of this tree, since no index has this version; all others come from where uv takes
them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from selenium import webdriver

from tests.guardian import Guardian
from tests.session.times import started
from tests.stacks import ROOT
from tests.tutorial import Follower, Step, missing, steps
from tests.ui.page import Page
from tests.wheels import built

TUTORIAL = steps((ROOT / "docs/tutorial.md").read_text())
SIDE_BY_SIDE = "Two versions side by side"
UV = Path(sys.executable).with_name("uv")


@dataclass
class Reader:
    follower: Follower
    at: int = 0

    def read_to_the_end_of(self, section: str) -> None:
        last = max(number for number, step in enumerate(TUTORIAL) if step.section == section)
        for step in TUTORIAL[self.at : last + 1]:
            self.follower.follow(step)
        self.at = last + 1


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A reader with an empty folder, whose stack is down afterwards however the test ends."""
    packages = built(tmp_path_factory)
    folder = Path(tempfile.mkdtemp(prefix="pgtest-"))
    empty, machine = folder / "empty", folder / "machine"
    empty.mkdir()
    make = [str(UV), "venv", "--quiet", "--seed", "--python", sys.executable, str(machine)]
    subprocess.run(make, check=True)
    guardian = Guardian(folder, empty / "my-stack" / ".playground")
    started("local stacks")
    try:
        yield Reader(Follower(empty, with_python_alone(machine, packages)))
    finally:
        guardian.dismiss()


def with_python_alone(machine: Path, packages: Path) -> dict[str, str]:
    """Return the environment of somebody who has Python and git; their pip and uv find `packages` too."""
    ours = ("DAGSTER_", "PLAYGROUND_", "PYTEST_", "VIRTUAL_ENV", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    found = {
        f"{tool}_FIND_LINKS": separator.join(filter(None, [kept.get(f"{tool}_FIND_LINKS"), str(packages)]))
        for tool, separator in (("PIP", " "), ("UV", ","))
    }
    author = {
        f"GIT_{who}_{what}": "ada@example.test"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    path = f"{machine}/bin:/usr/local/bin:/usr/bin:/bin"
    return {**kept, **found, **author, "PATH": path, "UV_PYTHON_DOWNLOADS": "never"}


def test_a_stack_is_made_and_two_versions_run_side_by_side(reader: Reader) -> None:
    reader.read_to_the_end_of(SIDE_BY_SIDE)
    assert (reader.follower.folder / "my-stack" / ".playground" / "stack.json").exists()


def test_a_browser_shows_one_version_in_each_ui(reader: Reader, browser: webdriver.Chrome) -> None:
    (asked,) = [number for number, step in enumerate(TUTORIAL) if "playground-ops ui next" in step.commands]
    of_main, of_next = re.findall(r"^http://\S+$", reader.follower.printed[asked], re.MULTILINE)
    for ui, location, total in ((of_main, "a", "750"), (of_next, "b", "900")):
        page = Page(browser, ui)
        page.open_definitions(location)
        page.shows("total", "largest")
        page.open("/assets/total")
        page.shows("sum", total)
        assert ("next" in browser.title) == (ui == of_next)


def test_dg_works_in_the_folder_that_init_made(reader: Reader) -> None:
    checked = Step("dg", "uv run dg check defs\n", prints=("All definitions loaded successfully.",))
    reader.follower.follow(checked)
    reader.follower.printed.pop()


def test_the_next_version_is_promoted_and_the_stack_goes_down(reader: Reader) -> None:
    reader.read_to_the_end_of("Take it down")
    assert reader.at == len(TUTORIAL)


def test_what_a_page_says_is_printed_has_to_come_in_its_order() -> None:
    said = ("...", "a ... ready", "b ... ready")
    assert missing(said, "a   1  ready\nsomething\nb 2  ready\n") is None
    assert missing(said, "b 2 ready\na 1 ready\n") == "b ... ready"
    assert missing(said, "a 1 ready but late\nb 2 ready\n") == "a ... ready"


def test_blocks_of_a_page_are_its_steps() -> None:
    page = "# One\n```sh\nls\n```\n\n```text\nx\n```\n## Two\n<!-- ends with 1 -->\n\n```sh\nfalse\n```\n"
    assert steps(page) == [Step("One", "ls\n", 0, ("x",)), Step("Two", "false\n", 1)]
