"""Prints results for a person or a script: findings, tables, one JSON document; and the exit codes."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

import click

from playground_ops.cli.fitting import Column, cut_table, wrapped, wrapped_table
from playground_ops.cli.progress import serving, write_error
from playground_ops.cli.repeating import Repeating, repeating
from playground_ops.core.errors import BadInput, Finding, PlaygroundError, certain, transient
from playground_ops.core.model import Outcome, RolloutRecord, shortened
from playground_ops.core.progress import RolloutCancelled
from playground_ops.core.redact import printable

NOTHING_TO_DO = "Nothing to do: the stack is as the configuration says."

NOT_DEPLOYED = certain(
    object="stack",
    observed="No stack is deployed here.",
    cause="It was never bootstrapped, or its data was deleted.",
    fix="Run `python -m playground_ops.bootstrap`.",
)


def short_commit(commit: str | None) -> str:
    return shortened(commit) if commit else "-"


def short_time(at: str | None) -> str:
    return (at or "")[:19].replace("T", " ")


def sentence_of(record: RolloutRecord) -> str:
    if record.finding is not None:
        kept = (
            "nothing served before" if record.previous is None else f"release {record.previous} still serves"
        )
        return f"{record.location}: failed while {record.phase.value}; {kept}."
    if record.outcome is Outcome.UNCHANGED or record.release is None:
        return f"{record.location}: nothing to do, it serves this already."
    return f"{record.location}: {serving(record.release)} ({sum(record.durations.values()):.1f} s)"


EVIDENCE = "  | "
_SHOWN = ("object", "observed", "cause", "fix", "evidence")
EVIDENCE_LINES = 25
SENTENCES = ("observed", "cause", "fix", "reason", "message", "meanwhile", "ahead", "notes")
"""Fields of documents in which a command is one of this project: not a commit's subject, nor a log."""
NARROWEST_CELL = 8
"""What a cell of any table may shrink to."""
UNKNOWN_WIDTH = 80
"""The columns of a terminal that does not say how many it has."""
_PARTS = (("observed", "  seen   "), ("cause", "  cause  "), ("fix", "  fix    "))

EXIT_FAILED = 1
"""Failed and explained; what served before still serves."""
EXIT_BAD_INPUT = 2
"""Bad input: a fault in the configuration or the command line; nothing was touched."""
EXIT_CANCELLED = 130
"""Interrupted by Ctrl-C, as a shell reports it: 128 plus the number of SIGINT."""
EXIT_NOBODY_READS = 141
"""Nobody reads the output any more: 128 plus the number of SIGPIPE."""


def print_json(document: Any) -> None:
    """Print a document with all there is, the commands in its sentences as they can be repeated."""
    click.echo(json.dumps(_in_document(document, repeating()), indent=1))


def _in_document(value: Any, again: Repeating, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _in_document(inner, again, key) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_in_document(inner, again, name) for inner in value]
    return again(value) if isinstance(value, str) and name in SENTENCES else value


def fail(findings: Sequence[Finding], as_json: bool) -> None:
    """Print every finding: the object, what was observed, the cause, the fix, and the evidence."""
    if as_json:
        print_json({"findings": plain(findings)})
        return
    for finding in findings:
        write_error("".join(f"{line}\n" for line in lines_of(finding, sys.stderr)))


def tell(finding: Finding) -> None:
    """Print a finding as a result and not as a failure."""
    click.echo("\n".join(lines_of(finding, sys.stdout)))


def lines_of(finding: Finding, stream: TextIO) -> Iterator[str]:
    """Yield the lines by which a person is told of a finding: wrapped to a terminal, but for the evidence."""
    finding, room, coloured = _printable(as_repeated(finding)), room_of(stream), stream.isatty()
    yield click.style(finding.object, fg="red", bold=True) if coloured else finding.object
    for name, label in _PARTS:
        text = getattr(finding, name)
        yield from wrapped(text, room, label, " " * len(label)) if room else [f"{label}{text}"]
    evidence = finding.evidence.splitlines()
    for line in [*_left_out(len(evidence) - EVIDENCE_LINES), *evidence[-EVIDENCE_LINES:]]:
        yield click.style(f"{EVIDENCE}{line}", dim=True) if coloured else f"{EVIDENCE}{line}"


def _left_out(lines: int) -> Iterator[str]:
    if lines > 0:
        yield f"... {lines} more line(s) before these, which --json shows"


def room_of(stream: TextIO) -> int | None:
    """Return the columns of a terminal, or as many as COLUMNS says; None for a pipe: nothing is cut there."""
    if not stream.isatty():
        return None
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and int(said) > 0:
        return int(said)
    try:
        return os.get_terminal_size(stream.fileno()).columns or UNKNOWN_WIDTH
    except OSError:
        return UNKNOWN_WIDTH


def end(document: dict[str, Any], failures: Sequence[tuple[str, BaseException]], as_json: bool) -> None:
    """End a command about several locations: report all that failed at once, and exit.

    Raises any error that carries no finding: it is a bug of this program.
    """
    findings = [finding for _, error in failures for finding in findings_of(error)]
    if as_json:
        failed = {"failed": [name for name, _ in failures], "findings": plain(findings)}
        print_json({**document, **failed})
    else:
        fail(findings, as_json)
    if failures:
        raise click.exceptions.Exit(_exit_code([error for _, error in failures]))


def findings_of(error: BaseException) -> Sequence[Finding]:
    """Return the findings of an error. Raises the error itself where it carries none."""
    if isinstance(error, PlaygroundError):
        return error.findings
    if isinstance(error, RolloutCancelled):
        return [error.finding or _cancelled(str(error), error.record)]
    raise error


def plain(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [finding.model_dump(mode="json") for finding in findings]


def as_repeated(finding: Finding) -> Finding:
    """Return it with its commands as they act on the stack that this command acts on."""
    again = repeating()
    parts = {name: again(getattr(finding, name)) for name in ("observed", "cause", "fix")}
    return finding.model_copy(update=parts)


def _printable(finding: Finding) -> Finding:
    parts = {name: printable(getattr(finding, name)) for name in _SHOWN}
    return finding.model_copy(update=parts)


def say(text: str = "") -> None:
    """Print a sentence for a person, its commands as they can be repeated, wrapped to a terminal."""
    shown, room = printable(repeating()(text)), room_of(sys.stdout)
    lines = shown.splitlines() or [""]
    click.echo(
        "\n".join(part for line in lines for part in wrapped(line, room, hanging="  ")) if room else shown
    )


def echo(text: str = "") -> None:
    """Print a line without what only a terminal would obey, and without secrets of this process."""
    click.echo(printable(text))


def say_boldly(text: str) -> None:
    click.secho(printable(repeating()(text)), bold=True)


def print_document(text: str) -> None:
    """Print what a program reads, as it is."""
    click.echo(text)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table with all of its text: on a terminal cells are wrapped, in a pipe each row is a line."""
    every = [Column(name, NARROWEST_CELL) for name in columns]
    for line in wrapped_table(every, _shown(rows), room_of(sys.stdout)).lines:
        click.echo(line)
    click.echo()


def short_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> bool:
    """Print a table of which each row is one line; on a terminal a cell that was cut ends with `...`.

    Returns whether nothing was cut or left out.
    """
    laid = cut_table(columns, _shown(rows), room_of(sys.stdout))
    for line in laid.lines:
        click.echo(line)
    click.echo()
    return laid.is_whole


def _shown(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[printable(cell) for cell in row] for row in rows]


def _exit_code(errors: Sequence[BaseException]) -> int:
    if any(isinstance(error, RolloutCancelled) for error in errors):
        return EXIT_CANCELLED
    return EXIT_BAD_INPUT if all(isinstance(error, BadInput) for error in errors) else EXIT_FAILED


def _cancelled(location: str, record: object) -> Finding:
    served = record.previous if isinstance(record, RolloutRecord) else None
    return transient(
        object=f"location/{location}" if location else "stack",
        observed="The rollout was cancelled, and has cleaned up.",
        cause="Somebody asked for it to stop.",
        fix=f"{f'Release {served} still serves; run' if served else 'Run'} the command again to go on.",
    )
