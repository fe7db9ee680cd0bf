"""How things are put to a person: findings, stories and tables; plain where no terminal is."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from playground_ops.errors import Finding
from playground_ops.model import Phase
from playground_ops.story import RolloutCancelled

if TYPE_CHECKING:
    from rich.table import Table

EVIDENCE_LINES = 25


def print_json(document: Any) -> None:
    click.echo(json.dumps(document, indent=1))


def fail(findings: Sequence[Finding], as_json: bool) -> None:
    """Every finding: what, what was seen, why, what to do, and the evidence."""
    if as_json:
        print_json({"findings": [finding.model_dump(mode="json") for finding in findings]})
        return
    for finding in findings:
        click.secho(f"{finding.object}", fg="red", bold=True, err=True)
        click.echo(f"  seen   {finding.observed}\n  cause  {finding.cause}\n  fix    {finding.fix}", err=True)
        for line in finding.evidence.splitlines()[-EVIDENCE_LINES:]:
            click.secho(f"  | {line}", dim=True, err=True)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table that keeps its columns readable in a pipe too."""
    from rich.console import Console

    found = _table(columns, rows)
    Console(soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else 200).print(found)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    found = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        found.add_column(column, overflow="fold")
    for row in rows:
        found.add_row(*(Text(cell) for cell in row))
    return found


class LineStory:
    """One line per event, each with its location and the seconds since the start."""

    def __init__(self, location: str, out: Callable[[str], None], cancelled: threading.Event) -> None:
        self._location, self._out, self._cancelled = location, out, cancelled
        self._began = time.monotonic()

    def phase(self, phase: Phase, message: str) -> None:
        self._tell(f"{phase.value}: {message}")

    def say(self, message: str) -> None:
        self._tell(f"  {message}")

    def warn(self, message: str) -> None:
        self._tell(f"  warning: {message}")

    def check(self) -> None:
        if self._cancelled.is_set():
            raise RolloutCancelled(self._location)

    def _tell(self, message: str) -> None:
        self._out(f"{time.monotonic() - self._began:6.1f} s  {self._location:<10} {message}")


def to_stderr(line: str) -> None:
    click.echo(line, err=True)


def to_nobody(line: str) -> None:
    """With --json, standard output is one document and standard error only errors."""
