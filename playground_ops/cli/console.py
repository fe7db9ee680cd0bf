"""How things are put to a person: findings, stories and tables; plain where no terminal is."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import click

from playground_ops.errors import BadInput, Finding, PlaygroundError
from playground_ops.model import Phase
from playground_ops.story import RolloutCancelled

EVIDENCE_LINES = 25
WIDEST_CELL = 60


def print_json(document: Any) -> None:
    click.echo(json.dumps(document, indent=1))


def fail(findings: Sequence[Finding], as_json: bool) -> None:
    """Every finding: what, what was seen, why, what to do, and the evidence."""
    if as_json:
        print_json({"findings": [_plain(finding) for finding in findings]})
        return
    for finding in findings:
        click.secho(f"{finding.object}", fg="red", bold=True, err=True)
        click.echo(f"  seen   {finding.observed}\n  cause  {finding.cause}\n  fix    {finding.fix}", err=True)
        for line in finding.evidence.splitlines()[-EVIDENCE_LINES:]:
            click.secho(f"  | {line}", dim=True, err=True)


def end(document: dict[str, Any], failures: Sequence[tuple[str, BaseException]], as_json: bool) -> None:
    """End a command about several locations: tell of those that failed, all at once, and exit.

    Raises what is no finding: a cancellation, or a fault of this program.
    """
    findings: list[Finding] = []
    for _, error in failures:
        if not isinstance(error, PlaygroundError):
            raise error
        findings.extend(error.findings)
    if as_json:
        failed = {"failed": [name for name, _ in failures], "findings": [_plain(found) for found in findings]}
        print_json({**document, **failed})
    else:
        fail(findings, as_json)
    if failures:
        bad_input = all(isinstance(error, BadInput) for _, error in failures)
        raise click.exceptions.Exit(2 if bad_input else 1)


def _plain(finding: Finding) -> dict[str, Any]:
    return finding.model_dump(mode="json")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table that keeps its columns readable in a pipe too: there no cell is wrapped."""
    from tabulate import tabulate

    widths = [WIDEST_CELL] * len(columns) if sys.stdout.isatty() else None
    click.echo(tabulate(rows, headers=columns, tablefmt="simple", disable_numparse=True, maxcolwidths=widths))
    click.echo()


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
