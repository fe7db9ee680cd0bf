"""The project's rules that a machine can check: style, types, and which way imports may go."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.places import cache
from tests.session.deadlines import stretched

ROOT = Path(__file__).parents[2]
CODE = ("playground_ops", "playground", "benchmarks", "tests")
CHECKS = {
    "ruff check": ("-m", "ruff", "check", "."),
    "ruff format": ("-m", "ruff", "format", "--check", "."),
    "mypy": ("-m", "mypy", "--cache-dir", str(cache().with_name("mypy"))),
    "import-linter": ("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"),
}


@pytest.mark.parametrize("name", CHECKS)
def test_the_check_passes(name: str) -> None:
    ended = subprocess.run(
        [sys.executable, *CHECKS[name]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=stretched(280),
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_no_file_is_longer_than_three_hundred_lines() -> None:
    sources = [*ROOT.glob("playground_ops/**/*.py"), *ROOT.glob("playground/**/*.py")]
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources}
    assert {name: lines for name, lines in long.items() if lines > 300} == {}


def test_the_root_has_what_is_run_and_no_more() -> None:
    assert {path.name for path in (ROOT / "playground_ops").glob("*.py")} == {
        "__init__.py",
        "__main__.py",
        "bootstrap.py",
        "context.py",
        "definitions.py",
        "places.py",
        "version.py",
    }


def test_no_docstring_begins_with_of() -> None:
    sources = [path for folder in CODE for path in (ROOT / folder).rglob("*.py")]
    riddles = {
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and str(node.value.value).startswith("Of ")
    }
    assert riddles == set()


def test_the_pinned_versions_are_one_list_and_name_no_index() -> None:
    from tests import constraints

    pinned = constraints.written_in_file()
    assert pinned == constraints.written_in_project()
    assert pinned == constraints.resolved()
    assert all("==" in line and "://" not in line for line in pinned)
    dagster = [
        line for line in pinned if line.split("==")[0] in ("dagster", "dagster-webserver", "dagster-graphql")
    ]
    assert len({line.split("==")[1] for line in dagster}) == 1
