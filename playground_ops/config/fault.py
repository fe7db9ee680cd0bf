"""One fault of a file, and the finding that it is told as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from playground_ops.config.shown import path_of
from playground_ops.errors import Finding, FindingKind

Steps = tuple[str | int, ...]
"""The keys and indexes that lead to a value."""


@dataclass(frozen=True)
class Fault:
    """Its words go to logs and terminals: whatever comes from the file has passed `shown` before."""

    steps: Steps
    found: str
    expected: str
    fix: str
    line: int | None = None
    """None: where the value at `steps` stands."""


def finding(file: Path, fault: Fault, lines: Mapping[Steps, int]) -> Finding:
    path, line = path_of(fault.steps), line_of(fault, lines)
    return Finding(
        kind=FindingKind.CERTAIN,
        object=f"{file.name}:{path}" if path else file.name,
        observed=f"Found {fault.found}{f' at line {line}' if line else ''}.",
        cause=f"Expected {fault.expected}.",
        fix=fault.fix,
    )


def line_of(fault: Fault, lines: Mapping[Steps, int]) -> int | None:
    """Of the nearest value that is there; the file as a whole has no line."""
    if fault.line is not None:
        return fault.line
    nearest_first = (fault.steps[:length] for length in range(len(fault.steps), 0, -1))
    return next((lines[steps] for steps in nearest_first if steps in lines), None)
