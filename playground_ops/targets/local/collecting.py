"""What a local stack's state folder tells, as text: logs, processes, releases, Dagster's configuration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from playground_ops.targets.local.folder import StateFolder

PATTERNS = (
    "logs/*",
    "processes/*.json",
    "locations/**/*.json",
    "workspace/*.yaml",
    "dagster_home/dagster.yaml",
    "stack.json",
)
LARGEST_BYTES = 2_000_000


def collect(folder: StateFolder) -> Iterator[tuple[str, str]]:
    for pattern in PATTERNS:
        for path in sorted(folder.root.glob(pattern)):
            if path.is_file():
                yield f"state/{path.relative_to(folder.root)}", _end_of(path)


def _end_of(path: Path) -> str:
    """A process may go on writing, or remove it: what is there is taken."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LARGEST_BYTES))
            return file.read().decode(errors="replace")
    except OSError as error:
        return f"{type(error).__name__}: {error}"
