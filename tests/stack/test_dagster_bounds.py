"""The oldest Dagster that is allowed runs a stack too; the newest is what all other tests run on.

Its packages lie before those of this environment, for each process of the stack.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.cluster.places import cached, key_of
from tests.pipelines import IMPORT_ERROR, pipeline
from tests.stacks import ROOT, Stack, a_stack

OLDEST = (
    *(f"{name}==1.13.0" for name in ("dagster", "dagster-shared", "dagster-pipes", "dagster-graphql")),
    *("dagster-webserver==1.13.0", "dagster-postgres==0.29.0"),
)


def install(folder: Path, *wanted: str) -> None:
    """Install packages into a folder, without this project's own settings, which constrain Dagster."""
    program = [sys.executable, "-m", "uv", "pip", "install", "--no-config", "--quiet", "--no-deps"]
    where = ["--python", sys.executable, "--target", str(folder)]
    subprocess.run([*program, *where, *wanted], check=True)


@pytest.fixture(scope="module")
def oldest() -> Path:
    """A folder with the packages of the lower bound, which is made once, as it takes a download."""
    return cached("packages", "dagster-oldest", key_of(*OLDEST), lambda folder: install(folder, *OLDEST))


def test_the_bounds_are_those_that_are_tested() -> None:
    written = (ROOT / "pyproject.toml").read_text()
    assert '"dagster>=1.13,<1.14"' in written
    assert '"dagster-postgres>=0.29,<0.30"' in written
    assert f"\ndagster=={version('dagster')}\n" in (ROOT / "constraints.txt").read_text()


def test_the_oldest_dagster_runs_a_stack(oldest: Path, tmp_path: Path) -> None:
    with a_stack() as made:
        a_short_life(replace(made, packages=(oldest,)), tmp_path)
        assert made.graphql("{ version }") == {"version": "1.13.0"}
        made.ok("down", "--now")


@pytest.mark.soak
def test_and_so_does_the_newest_that_the_index_has(tmp_path: Path) -> None:
    """It may be newer than that of constraints.txt; then that file is due."""
    packages = tmp_path / "packages"
    names = ("dagster", "dagster-shared", "dagster-pipes", "dagster-graphql", "dagster-webserver")
    install(packages, *(f"{name}>=1.13,<1.14" for name in names), "dagster-postgres>=0.29,<0.30")
    with a_stack() as made:
        a_short_life(replace(made, packages=(packages,)), tmp_path)
        print(made.graphql("{ version }"))
        made.ok("down", "--now")


def a_short_life(stack: Stack, folder: Path) -> None:
    """Bootstrap, a run, a redeploy, a commit that is refused, a rollback."""
    code = pipeline(folder / "a")
    code.commit("first")
    stack.configure(code_locations=[{"name": "a", **code.location}])
    stack.bootstrap()
    run = stack.launch("a", "waiting", {"ops": {"wait": {"config": {"seconds": 0.0}}}})
    code.commit("second")
    stack.ok("redeploy", "a")
    assert stack.assets("a") == ["second"]
    code.commit_text(IMPORT_ERROR, "Import what is not there")

    refused = stack.run("redeploy", "a")

    assert refused.returncode == 1
    assert "there_is_no_such_name" in refused.stdout + refused.stderr
    assert stack.assets("a") == ["second"]
    stack.wait_for_success(run)
    stack.ok("rollback", "a")
    assert stack.assets("a") == ["first"]
