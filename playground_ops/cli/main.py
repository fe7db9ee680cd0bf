"""The group of commands, and the one place where a failure becomes words and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

import click

from playground_ops.cli import location_commands, stack_commands, view_commands
from playground_ops.cli.console import fail
from playground_ops.errors import BadInput, Finding, FindingKind, PlaygroundError
from playground_ops.story import RolloutCancelled

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_CANCELLED = 130
"""As a shell reports a process that ended by Ctrl-C: 128 and the number of SIGINT."""
EXIT_NOBODY_READS = 141
"""As a shell reports a process that ended by a closed pipe: 128 and the number of SIGPIPE."""

COMMANDS = (
    *stack_commands.COMMANDS,
    *location_commands.COMMANDS,
    *view_commands.COMMANDS,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Run and operate a Dagster stack: bootstrap, redeploy, roll back, promote, watch.

    Exit codes: 0 done, 1 failed and explained, 2 bad input (nothing was touched), 130 cancelled.
    """


for command in COMMANDS:
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code."""
    guarded(cli, "python -m playground_ops", arguments)


def guarded(command: click.Command, name: str, arguments: Sequence[str] | None) -> None:
    """Run a command and exit; every failure becomes words on standard error, or with --json a document."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(_exit_code(command, name, given, "--json" in given))


def _exit_code(  # noqa: PLR0911 - one return for each way to end
    command: click.Command, name: str, given: list[str], as_json: bool
) -> int:
    try:
        result = command.main(given, prog_name=name, standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.ClickException as error:
        if as_json:
            fail([_misused(name, error)], as_json)
        else:
            error.show()
        return EXIT_BAD_INPUT
    except BadInput as error:
        fail(error.findings, as_json)
        return EXIT_BAD_INPUT
    except PlaygroundError as error:
        fail(error.findings, as_json)
        return EXIT_FAILED
    except RolloutCancelled:
        click.echo("cancelled; what served before still serves", err=True)
        return EXIT_CANCELLED
    except (KeyboardInterrupt, click.Abort):
        return EXIT_CANCELLED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains at exit
        return EXIT_NOBODY_READS
    except Exception as error:
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
    return Finding(
        kind=FindingKind.TRANSIENT,
        object="this program",
        observed=f"{type(error).__name__}: {error}",
        cause="Something that it does not foresee.",
        fix="Run the command again; if it happens again, report it with the lines below.",
        evidence="".join(traceback.format_exception(error)),
    )
