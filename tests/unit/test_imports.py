"""What commands that only look may import: they have 0.4 s in all, and Dagster alone takes over a second."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
        "print('MODULES', *sorted({name.split('.')[0] for name in sys.modules}))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PLAYGROUND_STATE": str(state)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    (line,) = [line for line in ended.stdout.splitlines() if line.startswith("MODULES")]
    return set(line.split()[1:])


@pytest.mark.parametrize("command", ["--help", "validate", "status", "plan", "redeploy --help"])
def test_nothing_heavy_is_imported(command: str, tmp_path: Path) -> None:
    found = imported_by(command.split(), tmp_path / "state")
    assert "click" in found
    assert found.isdisjoint(HEAVY), found & set(HEAVY)
    assert "grpc" not in found
