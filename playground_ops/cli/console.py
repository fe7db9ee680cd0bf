"""Prints results for a person or a script: findings, tables, one JSON document; and the exit codes."""

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import click

from playground_ops.cli.progress import serving, write_error
from playground_ops.cli.repeating import repeating
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
WIDEST_CELL = 60
GAP, CUT = "  ", "..."
NARROWEST_CELL = 24
"""What is left of a cell that is cut: enough for how it ended and the first words of why."""
NO_TERMINAL = (160, 24)
"""The size that is assumed for a pipe."""

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_CANCELLED = 130
"""A shell reports a process that ended by Ctrl-C this way: 128 plus the number of SIGINT."""
EXIT_NOBODY_READS = 141
"""A shell reports a process that ended by a closed pipe this way: 128 plus the number of SIGPIPE."""


def print_json(document: Any) -> None:
    click.echo(json.dumps(document, indent=1))


def fail(findings: Sequence[Finding], as_json: bool) -> None:
    """Print every finding: the object, what was observed, the cause, the fix, and the evidence."""
    if as_json:
        print_json({"findings": plain(findings)})
        return
    coloured = sys.stderr.isatty()
    for finding in findings:
        write_error("".join(f"{line}\n" for line in lines_of(finding, coloured)))


def tell(finding: Finding) -> None:
    """Print a finding as a result and not as a failure."""
    click.echo("\n".join(lines_of(finding, sys.stdout.isatty())))


def lines_of(finding: Finding, coloured: bool) -> Iterator[str]:
    """Yield the lines by which a person is told of a finding."""
    finding = _printable(as_repeated(finding))
    yield click.style(finding.object, fg="red", bold=True) if coloured else finding.object
    yield f"  seen   {finding.observed}"
    yield f"  cause  {finding.cause}"
    yield f"  fix    {finding.fix}"
    for line in finding.evidence.splitlines()[-EVIDENCE_LINES:]:
        yield click.style(f"{EVIDENCE}{line}", dim=True) if coloured else f"{EVIDENCE}{line}"


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
    return [as_repeated(finding).model_dump(mode="json") for finding in findings]


def as_repeated(finding: Finding) -> Finding:
    """Return it with its commands as they act on the stack that this command acts on."""
    again = repeating()
    parts = {name: again(getattr(finding, name)) for name in ("observed", "cause", "fix")}
    return finding.model_copy(update=parts)


def _printable(finding: Finding) -> Finding:
    parts = {name: printable(getattr(finding, name)) for name in _SHOWN}
    return finding.model_copy(update=parts)


def say(text: str = "") -> None:
    """Print a line for a person, its commands as they can be repeated."""
    echo(repeating()(text))


def echo(text: str = "") -> None:
    """Print a line without what only a terminal would obey, and without secrets of this process."""
    click.echo(printable(text))


def say_boldly(text: str) -> None:
    click.secho(printable(repeating()(text)), bold=True)


def print_document(text: str) -> None:
    """Print what a program reads, as it is."""
    click.echo(text)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table. Cells are wrapped only on a terminal, so that columns stay readable in a pipe."""
    from tabulate import tabulate

    widths = [WIDEST_CELL] * len(columns) if sys.stdout.isatty() and rows else None
    shown = [[printable(cell) for cell in row] for row in rows]
    echo(tabulate(shown, headers=columns, tablefmt="simple", disable_numparse=True, maxcolwidths=widths))
    echo()


def short_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table of which each row is one line of the terminal; a cell that was cut ends with `...`.

    The last column gets what the others leave.
    """
    from tabulate import MIN_PADDING, tabulate

    short = [[*(shortened_to(WIDEST_CELL, cell) for cell in row[:-1]), row[-1]] for row in rows]
    headed = [" " * (len(name) + MIN_PADDING) for name in columns]
    widths = [max(map(len, column)) for column in zip(headed, *short, strict=True)]
    others = sum(widths[:-1]) + len(GAP) * (len(columns) - 1)
    left = shutil.get_terminal_size(NO_TERMINAL).columns - others
    fitting = [[*row[:-1], shortened_to(max(left, NARROWEST_CELL), row[-1])] for row in short]
    echo(tabulate(fitting, headers=columns, tablefmt="simple", disable_numparse=True))
    echo()


def shortened_to(width: int, text: str) -> str:
    """Return the text in one line of at most `width` characters."""
    flat = " ".join(printable(text).split())
    return flat if len(flat) <= width else f"{flat[: width - len(CUT)].rstrip()}{CUT}"


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
