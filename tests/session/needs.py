"""What tests need of the machine is checked once, when a session starts.

Whatever is installed while the tests run changes nothing for that run, and all workers decide alike.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from tests.cluster import needs as of_a_cluster
from tests.session.outermost import is_outermost

VARIABLE = "PLAYGROUND_TEST_LACKS"
CLUSTER, BROWSER, POSTGRES = "cluster", "browser", "postgres"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def browser() -> str | None:
    """Return the full path of a Chromium."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def _browser_missing() -> str:
    if browser() and shutil.which("chromedriver"):
        return ""
    return "these tests need chromium and chromedriver (Debian: chromium, chromium-driver)"


def postgres() -> Path | None:
    """Return the folder with the programs of Postgres's server, which Debian does not put on the PATH."""
    places = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    places += map(Path, os.environ.get("PATH", "").split(":"))
    return next((place.resolve() for place in places if (place / "initdb").exists()), None)


def _postgres_missing() -> str:
    return "" if postgres() else "these tests need a server of Postgres (Debian: postgresql)"


LOOKS: dict[str, Callable[[], str]] = {
    CLUSTER: of_a_cluster.missing,
    BROWSER: _browser_missing,
    POSTGRES: _postgres_missing,
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--without-cluster",
        action="store_true",
        help="as on a machine that can't run the tests' cluster: what needs one is skipped",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if is_outermost(config):
        found = {name: look() for name, look in LOOKS.items()}
        if config.getoption("--without-cluster"):
            found[CLUSTER] = "--without-cluster was given"
        os.environ[VARIABLE] = json.dumps(found)


def lacking(name: str) -> str:
    """Return why the session lacks it; empty where it is there."""
    found: dict[str, str] = json.loads(os.environ[VARIABLE])
    return found[name]


def refuse(name: str) -> NoReturn:
    """Skip the test with what is missing; in CI, where nothing that could run is skipped, fail it."""
    if os.environ.get("CI"):
        pytest.fail(lacking(name))
    pytest.skip(lacking(name))
