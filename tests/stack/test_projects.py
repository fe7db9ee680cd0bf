"""Real projects, as Dagster's own scaffolder makes them, with dependencies of their own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.projects import (
    OLDER_DAGSTER,
    add_definitions,
    add_surroundings,
    commit_all,
    git,
    monorepo,
    pin,
)
from tests.shared import SharedStack
from tests.stacks import Stack


@pytest.fixture(scope="module")
def mono(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two projects in one repository, one of them on an older Dagster."""
    made = monorepo(tmp_path_factory)
    add_surroundings(made / "projects" / "older")
    git(made, "add", "--force", "projects/older/.env")
    commit_all(made, "What it finds around it")
    return made


@pytest.fixture(scope="module")
def stack(local_stack: SharedStack[Stack], mono: Path) -> Iterator[Stack]:
    """A stack whose locations are configured by repository and subdirectory alone, but for a smoke job."""
    locations = [
        {
            "name": "sales",
            "repo": {"url": str(mono), "ref": "main", "subdirectory": "projects/sales"},
            "prepare": ["sh -c 'printf %s \"made for $PLAYGROUND_LOCATION\" > made.txt'"],
        },
        {
            "name": "older",
            "repo": {"url": f"file://{mono}", "subdirectory": "projects/older"},
            "environment": {"CONFIGURED": "by the location"},
            "smoke_job": "older_job",
        },
    ]
    with local_stack.having(*locations, rollout={"transient_timeout_seconds": 2}) as made:
        yield made


def refused(stack: Stack, location: str) -> dict[str, Any]:
    ended = stack.run("redeploy", location, "--json")
    assert ended.returncode == 1
    (finding,) = json.loads(ended.stdout)["findings"]
    return dict(finding)


def test_each_project_loads_with_its_own_dagster(stack: Stack) -> None:
    assert stack.assets("sales") == ["sales_numbers", "sales_total"]
    # The third asserts, in the server as in the smoke job, what is around it.
    assert stack.assets("older") == ["older_numbers", "older_surroundings", "older_total"]
    versions = stack.graphql(
        """{ repositoriesOrError { ... on RepositoryConnection { nodes { location { name
          dagsterLibraryVersions { name version } } } } } }"""
    )
    found = {
        node["location"]["name"]: {
            library["name"]: library["version"] for library in node["location"]["dagsterLibraryVersions"]
        }["dagster"]
        for node in versions["repositoriesOrError"]["nodes"]
    }
    assert found["older"] == OLDER_DAGSTER
    assert found["sales"].startswith("1.13.")


def test_a_run_executes_in_the_projects_own_environment(stack: Stack) -> None:
    """The run is on an older Dagster, launched by the stack's webserver; each of its steps is a process, and
    one of them asserts what is around it."""
    run = stack.launch("older", "older_job")
    stack.wait_for_success(run)


def test_a_new_commit_of_a_project_serves_without_building_its_environment_again(
    stack: Stack, mono: Path
) -> None:
    add_definitions(mono / "projects" / "sales", prefix="renamed")
    commit = commit_all(mono, "Rename")
    before = sorted(path.name for path in (stack.state / "environments").iterdir())
    done = stack.run("redeploy", "sales")
    assert "Its packages are those of `uv.lock`, which pins them." in done.stdout + done.stderr
    assert stack.location("sales")["commit"] == commit
    assert stack.assets("sales") == ["renamed_numbers", "renamed_total"]
    assert sorted(path.name for path in (stack.state / "environments").iterdir()) == before


OWN = """\
import importlib.metadata
import re
from pathlib import Path

import dagster as dg
from sales._version import __version__

PROJECT = Path(__file__).parents[3]


def seen() -> str:
    told = [importlib.metadata.version("sales"), __version__, (PROJECT / "made.txt").read_text()]
    return re.sub(r"\\W", "_", " ".join(told))


@dg.asset(key=seen())
def own() -> None:
    assert own.key.to_user_string() == seen(), "its runs have what its server has"


own_job = dg.define_asset_job("own_job", selection=[own])
"""


def test_a_release_has_its_own_version_generated_files_and_what_its_commands_made(
    stack: Stack, mono: Path
) -> None:
    # given: a version that only a build knows, and a file that a command makes
    project = mono / "projects" / "sales"
    about = (project / "pyproject.toml").read_text().replace('version = "0.1.0"', 'dynamic = ["version"]')
    hook = '\n[tool.hatch.version]\nsource = "vcs"\n[tool.hatch.build.hooks.vcs]\n'
    about = about.replace('requires = ["hatchling"]', 'requires = ["hatchling", "hatch-vcs"]')
    (project / "pyproject.toml").write_text(f'{about}{hook}version-file = "src/sales/_version.py"\n')
    (project / "src" / "sales" / "defs" / "own.py").write_text(OWN)
    commit = commit_all(mono, "A version from git")
    # when
    stack.ok("redeploy", "sales")
    # then
    version = f"0_0_0_g{commit[:12]}"
    assert f"{version}_{version}_made_for_sales" in stack.assets("sales")
    stack.wait_for_success(stack.launch("sales", "own_job"))
    (project / "src" / "sales" / "defs" / "own.py").unlink()


def test_dependencies_that_do_not_resolve_are_a_reason(stack: Stack, mono: Path) -> None:
    project, before = mono / "projects" / "sales", stack.assets("sales")
    pin(project, "dagster>=1.13,<1.14", "humanize==999.0.0")
    (project / "uv.lock").unlink()
    commit_all(mono, "A version that does not exist")
    finding = refused(stack, "sales")
    assert finding["kind"] == "certain", finding
    assert "humanize" in json.dumps(finding)
    assert stack.assets("sales") == before


def test_a_module_that_is_not_in_the_commit_is_named(stack: Stack, mono: Path) -> None:
    before = stack.assets("sales")
    git(mono, "mv", "projects/sales/src/sales", "projects/sales/src/retail")
    commit_all(mono, "Rename the package, and not where pyproject.toml names it")
    finding = refused(stack, "sales")
    assert finding["kind"] == "certain", finding
    assert "sales" in finding["observed"]
    assert stack.assets("sales") == before


def test_a_ref_that_vanished_and_a_repository_that_is_gone_are_named(stack: Stack, mono: Path) -> None:
    git(mono, "branch", "--move", "main", "trunk")
    assert "main" in refused(stack, "sales")["observed"]
    away = mono.with_name("away")
    shutil.move(mono, away)
    try:
        finding = refused(stack, "sales")
    finally:
        shutil.move(away, mono)
    assert str(mono) in json.dumps(finding)
    assert stack.location("sales")["ready"]
