"""The last result of each soak, in docs: one row for each, which its next run replaces."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import datetime, timezone
from functools import cache
from pathlib import Path

import pytest

from tests.session.outermost import is_outermost

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "soak-results.md"
ON_A_CLUSTER = ROOT / "docs" / "cluster-soak-results.md"
HEAD = ("| soak | outcome | seconds | commit | when and where | figures |", "|---|---|---:|---|---|---|")


class Soaks:
    """Collects the reports of soaks, in the process that sees all of them."""

    def __init__(self) -> None:
        self.rows: dict[Path, list[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if "soak" not in report.keywords or report.skipped or (report.when != "call" and report.passed):
            return  # a skipped one does not replace its earlier result
        file = ON_A_CLUSTER if report.nodeid.startswith("tests/kubernetes") else RESULTS
        self.rows.setdefault(file, []).append(_row(report))

    def pytest_sessionfinish(self) -> None:
        for file, rows in self.rows.items():
            file.write_text(merged(file.read_text() if file.exists() else "", rows))


def merged(text: str, rows: Iterable[str]) -> str:
    """Replace rows in the table; the text before it stays, and so do rows of other soaks."""
    lines = text.splitlines()
    table = lines.index(HEAD[0]) if HEAD[0] in lines else len(lines)
    found = {_name(one): one for one in [*lines[table + len(HEAD) :], *rows] if one.startswith("| `")}
    return "\n".join([*lines[:table], *HEAD, *(found[name] for name in sorted(found))]) + "\n"


def _name(row: str) -> str:
    return row.split("`")[1]


def _row(report: pytest.TestReport) -> str:
    figures = "; ".join(f"{name}: {value}" for name, value in report.user_properties)
    where = (
        f"{datetime.now(timezone.utc):%Y-%m-%d}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    cells = (
        f"`{report.nodeid.removeprefix('tests/')}`",
        report.outcome,
        f"{report.duration:.0f}",
        f"`{_commit()}`",
        f"{where}, seed {os.environ['PLAYGROUND_SEED']}",
        figures,
    )
    return f"| {' | '.join(cells)} |"


@cache
def _commit() -> str:
    """Return the commit, marked as dirty where what ran is in no commit."""
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def pytest_sessionstart(session: pytest.Session) -> None:
    if is_outermost(session.config):
        session.config.pluginmanager.register(Soaks(), "soak-results")
