"""The list of commands. The module of one is imported when it is asked for, and no other.

A command that only looks has 0.4 s for the whole process, and importing what the others need takes a
good part of that. So the list holds names and summaries, which a test compares with the commands.
"""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

import click


class Listed(NamedTuple):
    module: str
    summary: str


LISTED = {
    "validate": Listed("configuration_commands", "Check the configuration file; every fault at once."),
    "generate": Listed(
        "configuration_commands",
        "Write the stack's Kubernetes objects to deploy/, one file a component.",
    ),
    "plan": Listed("stack_commands", "Show what `deploy` would change."),
    "deploy": Listed("stack_commands", "Bring the whole stack to what the configuration says."),
    "redeploy": Listed(
        "location_commands", "Bring LOCATIONS to their ref; without any, those whose ref has moved."
    ),
    "rollback": Listed("location_commands", "Serve an earlier release of LOCATION again."),
    "promote": Listed("location_commands", "Bring the commit that SOURCE serves to DESTINATION."),
    "approve": Listed("verdict_commands", "Let the candidate of LOCATION that waits for approval go on."),
    "reject": Listed("verdict_commands", "End the rollout of LOCATION that waits for approval."),
    "compare": Listed(
        "compare_command",
        "What differs between the definitions of BEFORE and AFTER: locations, or releases such as a-3.",
    ),
    "status": Listed(
        "status_command",
        "What runs, at which commit, since when; and how the last rollout of each location ended.",
    ),
    "history": Listed("view_commands", "Every rollout of LOCATION (of all, without one), newest last."),
    "logs": Listed(
        "view_commands",
        "The log of COMPONENT: webserver, daemon, supervisor, a location, or a release such as a-3.",
    ),
    "health": Listed("view_commands", "Look at every component; exit 1 when something does not work."),
    "collect": Listed(
        "collect_command",
        "Logs, events, objects and health in one archive, without secrets, for a bug report.",
    ),
    "ui": Listed(
        "view_commands", "Print the UI's address and open it in a browser, when a terminal is there."
    ),
    "secret": Listed(
        "secret_commands", "Make and change Secrets of the stack (on Kubernetes): git, rotate-database."
    ),
    "backup": Listed(
        "database_commands",
        "Write the stack's database to FILE, while the stack goes on (on Kubernetes).",
    ),
    "restore": Listed(
        "database_commands", "Bring the database of a stopped stack back to what FILE holds (on Kubernetes)."
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
