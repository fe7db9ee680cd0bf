"""The group of commands, and the one place where a failure becomes words and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from playground_ops.cli import location_commands, stack_commands, view_commands
from playground_ops.cli.console import fail
from playground_ops.errors import BadInput, PlaygroundError
from playground_ops.story import RolloutCancelled

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2

COMMANDS = (
    *stack_commands.COMMANDS,
    *location_commands.COMMANDS,
    *view_commands.COMMANDS,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Run and operate a Dagster stack: bootstrap, redeploy, roll back, promote, watch.

    Exit codes: 0 done, 1 failed and explained, 2 bad input (nothing was touched).
    """


for command in COMMANDS:
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code."""
    guarded(cli, "python -m playground_ops", arguments)


def guarded(command: click.Command, name: str, arguments: Sequence[str] | None) -> None:
    """Run a command; every failure it explains becomes words on standard error and an exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given
    try:
        command(given, prog_name=name, standalone_mode=True)
    except BadInput as error:
        fail(error.findings, as_json)
        sys.exit(EXIT_BAD_INPUT)
    except PlaygroundError as error:
        fail(error.findings, as_json)
        sys.exit(EXIT_FAILED)
    except (KeyboardInterrupt, RolloutCancelled):
        click.echo("cancelled; what served before still serves", err=True)
        sys.exit(EXIT_FAILED)
