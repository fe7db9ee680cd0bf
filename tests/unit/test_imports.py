"""What read-only commands may import: they have 0.4 s in all, and Dagster alone takes over a second."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.session.deadlines import stretched

HEAVY = (
    "dagster",
    "dagster_webserver",
    "dagster_graphql",
    "kubernetes",
    "sqlalchemy",
    "rich",
    "psutil",
    "packaging",
)


def imported_by(arguments: list[str], state: Path) -> set[str]:
    code = (
        "import sys\n"
        "from playground_ops.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "except SystemExit:\n    pass\n"
        "print('MODULES', *sorted(sys.modules))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PLAYGROUND_STATE": str(state)},
        capture_output=True,
        text=True,
        timeout=stretched(60),
        check=True,
    )
    (line,) = [line for line in ended.stdout.splitlines() if line.startswith("MODULES")]
    return set(line.split()[1:])


@pytest.mark.parametrize("command", ["--help", "validate", "schema", "status", "plan", "redeploy --help"])
def test_nothing_heavy_is_imported(command: str, tmp_path: Path) -> None:
    found = {name.split(".")[0] for name in imported_by(command.split(), tmp_path / "state")}
    assert "click" in found
    assert found.isdisjoint(HEAVY), found & set(HEAVY)
    assert "grpc" not in found


@pytest.mark.parametrize(
    ("command", "none_of"),
    [
        (
            "--help",
            {"yaml", "playground_ops.config", "playground_ops.engine.rollout", "playground_ops.targets"},
        ),
        ("schema", {"yaml", "playground_ops.config", "playground_ops.engine"}),
        ("validate", {"playground_ops.engine.apply", "playground_ops.targets.local", "urllib.request"}),
        (
            "status",
            {
                "playground_ops.engine.apply",
                "playground_ops.engine.redeploy",
                "playground_ops.engine.rollback",
            },
        ),
    ],
)
def test_a_command_imports_what_it_needs_and_not_what_others_do(
    command: str, none_of: set[str], tmp_path: Path
) -> None:
    found = imported_by([command], tmp_path / "state")
    assert "playground_ops.cli.main" in found
    assert found.isdisjoint(none_of), found & none_of
