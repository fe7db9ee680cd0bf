"""Real projects, as Dagster's own scaffolder makes them, with dependencies of their own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.projects import OLDER_DAGSTER, add_definitions, commit_all, git, monorepo, project_repository
from tests.shared import SharedStack
from tests.stacks import Stack


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project at the root of its repository."""
    return project_repository(
        tmp_path_factory.mktemp("root"), "orders", "dagster>=1.13,<1.14", "humanize==4.9.0"
    )


@pytest.fixture(scope="module")
def mono(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two projects in one repository, one of them on an older Dagster."""
    return monorepo(tmp_path_factory.mktemp("mono") / "repository")


@pytest.fixture(scope="module")
def stack(local_stack: SharedStack[Stack], orders: Path, mono: Path) -> Iterator[Stack]:
    """Each location is configured by its repository and subdirectory alone."""
    locations = [
        {"name": "orders", "repo": {"url": str(orders), "ref": "main"}},
        {"name": "sales", "repo": {"url": str(mono), "subdirectory": "projects/sales"}},
        {"name": "older", "repo": {"url": f"file://{mono}", "subdirectory": "projects/older"}},
    ]
    with local_stack.having(*locations, rollout={"transient_timeout_seconds": 2}) as made:
        yield made


def test_each_project_loads_with_its_own_dagster(stack: Stack) -> None:
    assert stack.assets("orders") == ["orders_numbers", "orders_total"]
    assert stack.assets("sales") == ["sales_numbers", "sales_total"]
    assert stack.assets("older") == ["older_numbers", "older_total"]
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


@pytest.mark.parametrize("name", ["orders", "older"])
def test_a_run_executes_in_the_projects_own_environment(stack: Stack, name: str) -> None:
    run = stack.launch(name, f"{name}_job")
    stack.wait_for_success(run)


def test_a_new_commit_of_a_project_serves_without_building_its_environment_again(
    stack: Stack, orders: Path
) -> None:
    add_definitions(orders, prefix="renamed")
    commit = commit_all(orders, "Rename")
    before = sorted(path.name for path in (stack.state / "environments").iterdir())
    stack.ok("redeploy", "orders")
    assert stack.location("orders")["commit"] == commit
    assert stack.assets("orders") == ["renamed_numbers", "renamed_total"]
    assert sorted(path.name for path in (stack.state / "environments").iterdir()) == before


def test_dependencies_that_do_not_resolve_are_a_reason(stack: Stack, orders: Path) -> None:
    file = orders / "pyproject.toml"
    kept = file.read_text()
    file.write_text(kept.replace("humanize==4.9.0", "humanize==999.0.0"))
    (orders / "uv.lock").unlink()
    commit_all(orders, "A version that does not exist")
    ended = stack.run("redeploy", "orders", "--json")
    assert ended.returncode == 1
    (finding,) = json.loads(ended.stdout)["findings"]
    assert finding["kind"] == "certain", finding
    assert "humanize" in json.dumps(finding)
    assert stack.assets("orders") == ["renamed_numbers", "renamed_total"]


def test_a_module_that_is_not_in_the_commit_is_named(stack: Stack, mono: Path) -> None:
    git(mono, "mv", "projects/sales/src/sales", "projects/sales/src/retail")
    commit_all(mono, "Rename the package, and not where pyproject.toml names it")
    ended = stack.run("redeploy", "sales", "--json")
    assert ended.returncode == 1
    (finding,) = json.loads(ended.stdout)["findings"]
    assert finding["kind"] == "certain", finding
    assert "sales" in finding["observed"]
    assert stack.assets("sales") == ["sales_numbers", "sales_total"]


def test_a_ref_that_vanished_and_a_repository_that_is_gone_are_named(stack: Stack, orders: Path) -> None:
    git(orders, "branch", "--move", "main", "trunk")
    ended = stack.run("redeploy", "orders", "--json")
    assert ended.returncode == 1
    assert "main" in json.loads(ended.stdout)["findings"][0]["observed"]

    away = orders.with_name("away")
    shutil.move(orders, away)
    try:
        ended = stack.run("redeploy", "orders", "--json")
    finally:
        shutil.move(away, orders)
    assert ended.returncode == 1
    (finding,) = json.loads(ended.stdout)["findings"]
    assert str(orders) in json.dumps(finding)
    assert stack.location("orders")["ready"]
