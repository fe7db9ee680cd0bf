"""The one place where a command is run and a failure becomes words and an exit code."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

import click

from playground_ops.cli.commands import Commands
from playground_ops.cli.console import (
    EXIT_BAD_INPUT,
    EXIT_CANCELLED,
    EXIT_FAILED,
    EXIT_NOBODY_READS,
    fail,
    findings_of,
)
from playground_ops.errors import BadInput, Finding, FindingKind, PlaygroundError
from playground_ops.story import RolloutCancelled


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Run and operate a Dagster stack: bootstrap, redeploy, roll back, promote, watch.

    Exit codes: 0 done, 1 failed and explained, 2 bad input (nothing was touched), 130 cancelled.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code."""
    guarded(cli, "python -m playground_ops", arguments)


def guarded(command: click.Command, name: str, arguments: Sequence[str] | None) -> None:
    """Run a command and exit; every failure becomes words on standard error, or with --json a document."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    logging.getLogger().addHandler(logging.NullHandler())  # a library's words would be between the command's
    try:
        code = _exit_code(command, name, given, "--json" in given)
    except BrokenPipeError:
        code = EXIT_NOBODY_READS
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains at exit
    sys.exit(code)


def _exit_code(command: click.Command, name: str, given: list[str], as_json: bool) -> int:
    try:
        # Not `command.main`: it makes 1 of a closed pipe, and there 1 means failed and explained.
        with command.make_context(name, given) as context:
            command.invoke(context)
        return 0
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except (KeyboardInterrupt, click.Abort):
        return EXIT_CANCELLED
    except BrokenPipeError:
        raise
    except Exception as error:
        return _told(error, name, as_json)


def _told(error: Exception, name: str, as_json: bool) -> int:
    if isinstance(error, click.ClickException):
        if as_json:
            fail([_misused(name, error)], as_json)
        else:
            error.show()
        return EXIT_BAD_INPUT
    if isinstance(error, (PlaygroundError, RolloutCancelled)):
        fail(findings_of(error), as_json)
        if isinstance(error, RolloutCancelled):
            return EXIT_CANCELLED
        return EXIT_BAD_INPUT if isinstance(error, BadInput) else EXIT_FAILED
    fail([_unforeseen(error)], as_json)
    return EXIT_FAILED


def _misused(name: str, error: click.ClickException) -> Finding:
    return Finding(
        kind=FindingKind.CERTAIN,
        object="command line",
        observed=error.format_message(),
        cause="The command was not understood.",
        fix=f"`{name} --help` lists commands and options.",
    )


def _unforeseen(error: Exception) -> Finding:
    import traceback

    return Finding(
        kind=FindingKind.TRANSIENT,
        object="this program",
        observed=f"{type(error).__name__}: {error}",
        cause="Something that it does not foresee.",
        fix="Run the command again; if it happens again, report it with the lines below.",
        evidence="".join(traceback.format_exception(error)),
    )
