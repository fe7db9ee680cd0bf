"""The list of commands, and the one place where one is run and a failure becomes an exit code.

A read-only command has 0.4 s for the whole process, and importing what the others need takes a good part of
that. So the list holds names and summaries, which a test compares with the commands; the module of a command
is imported when the command is asked for.
"""

import logging
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from importlib import import_module
from typing import NamedTuple

import click

from playground_ops.cli.console import (
    EXIT_BAD_INPUT,
    EXIT_CANCELLED,
    EXIT_FAILED,
    EXIT_NOBODY_READS,
    fail,
    findings_of,
)
from playground_ops.cli.repeating import repeating
from playground_ops.core.errors import BadInput, Finding, PlaygroundError, certain, transient
from playground_ops.core.progress import RolloutCancelled
from playground_ops.core.redact import learn_variables
from playground_ops.version import __version__


class Listed(NamedTuple):
    module: str
    summary: str


LISTED = {
    "init": Listed(
        "init_command", "Make FOLDER: a configuration, and what runs the stack that it describes."
    ),
    "bootstrap": Listed(
        "bootstrap_command", "Start the whole stack, or complete it; a no-op when it runs already."
    ),
    "validate": Listed("configuration_commands", "Check the configuration file; every fault at once."),
    "generate": Listed(
        "configuration_commands", "Write the stack's Kubernetes objects to deploy/, one file a component."
    ),
    "schema": Listed(
        "schema_command", "Print the JSON Schema by which an editor completes and checks the configuration."
    ),
    "plan": Listed("stack_commands", "Show what `deploy` would change."),
    "deploy": Listed("stack_commands", "Bring the whole stack to what the configuration says."),
    "upgrade": Listed(
        "upgrade_command", "Tell what is new and what restarts, then `deploy`; with --check only tell."
    ),
    "redeploy": Listed(
        "location_commands", "Bring LOCATIONS to their ref; without any, those whose ref has moved."
    ),
    "rollback": Listed("location_commands", "Serve an earlier release of LOCATION again."),
    "promote": Listed("location_commands", "Bring the commit that SOURCE serves to DESTINATION."),
    "approve": Listed("location_commands", "Let the candidate of LOCATION that waits for approval go on."),
    "reject": Listed("location_commands", "End the rollout of LOCATION that waits for approval."),
    "compare": Listed(
        "compare_command",
        "What differs between BEFORE and AFTER: their definitions, or what they have made of their assets.",
    ),
    "status": Listed(
        "status_command",
        "What runs, at which commit, since when; and how the last rollout of each location ended.",
    ),
    "history": Listed(
        "history_command",
        "Every rollout of LOCATION (of all, without one), newest last; and why its last one failed.",
    ),
    "logs": Listed(
        "view_commands",
        "The log of COMPONENT: webserver, daemon, supervisor, a location, or a release such as a-3.",
    ),
    "health": Listed("health_command", "Look at every component; exit 1 when something does not work."),
    "collect": Listed(
        "stack_commands",
        "Logs, events, objects and health in one archive, without secrets, for a bug report.",
    ),
    "ui": Listed(
        "view_commands",
        "Print the address of DEPLOYMENT's UI and open it in a browser, when a terminal is there.",
    ),
    "secret": Listed(
        "secret_commands", "Make and change Secrets of the stack (on Kubernetes): git, rotate-database."
    ),
    "backup": Listed(
        "database_commands", "Write a deployment's database to FILE, while the stack goes on (on Kubernetes)."
    ),
    "restore": Listed(
        "database_commands",
        "Bring the database of a stopped deployment back to what FILE holds (on Kubernetes).",
    ),
    "down": Listed("stack_commands", "End every process of the stack, after its runs."),
}
"""In the order in which a newcomer needs them."""


class Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(LISTED)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in LISTED:
            return None
        module = import_module(f"playground_ops.cli.{LISTED[cmd_name].module}")
        found: click.Command = module.COMMANDS[cmd_name]
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, listed.summary) for name, listed in LISTED.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="playground-ops %(version)s")
def cli() -> None:
    """Run and operate a Dagster stack: bootstrap, redeploy, roll back, promote, watch.

    Exit codes: 0 done, 1 failed and explained, 2 bad input (nothing was touched), 130 cancelled.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code."""
    guarded(cli, repeating().program, arguments)


def guarded(command: click.Command, name: str, arguments: Sequence[str] | None) -> None:
    """Run a command and exit; a failure is printed on standard error, or with --json as a document."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    learn_variables(os.environ)
    logging.getLogger().addHandler(logging.NullHandler())  # libraries' lines would mix with its output
    try:
        code = _exit_code(command, name, given, "--json" in given)
    except BrokenPipeError:
        code = EXIT_NOBODY_READS
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # otherwise Python complains at exit
    sys.exit(code)


def _exit_code(command: click.Command, name: str, given: list[str], as_json: bool) -> int:
    context: click.Context | None = None
    try:
        # Not `command.main`: it exits with 1 for a closed pipe, and here 1 means failed and explained.
        context = command.make_context(name, given)
        with context:
            command.invoke(context)
        return 0
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except (KeyboardInterrupt, click.Abort):
        return EXIT_CANCELLED
    except BrokenPipeError:
        raise
    except Exception as error:
        with context.scope(cleanup=False) if context else nullcontext():  # which has the options
            return _report(error, name, as_json)


def _report(error: Exception, name: str, as_json: bool) -> int:
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
    return certain(
        object="command line",
        observed=error.format_message(),
        cause="The command was not understood.",
        fix=f"`{name} --help` lists commands and options.",
    )


def _unforeseen(error: Exception) -> Finding:
    import traceback

    return transient(
        object="this program",
        observed=f"{type(error).__name__}: {error}",
        cause="Something that it does not foresee.",
        fix="Run the command again; if it happens again, report it with the lines below.",
        evidence="".join(traceback.format_exception(error)),
    )
