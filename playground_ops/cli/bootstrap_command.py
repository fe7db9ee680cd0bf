"""From a configuration, or none, to the address of a running UI."""

import sys
from pathlib import Path

import click

from playground_ops.cli.console import NOTHING_TO_DO, echo, end, room_of, say_boldly
from playground_ops.cli.repeating import repeating
from playground_ops.cli.session import Session, common
from playground_ops.cli.stack_commands import bring_up, document_of, force_option, warn_of_collisions
from playground_ops.cli.status_command import show_status
from playground_ops.config import Configuration
from playground_ops.engine.planning import Asked
from playground_ops.engine.status import read_status


def next_steps(configuration: Configuration, target: str) -> str:
    """Return the commands to go on with, as they act on the stack that was just made."""
    again, name = repeating(), next(iter(configuration.locations), configuration.ops).name
    steps = {
        "status": "what runs, at which commit",
        **({"ui": "open the UI, by a port that is forwarded"} if target == "kubernetes" else {}),
        f"redeploy {name}": f"bring {name} to its ref, as the job redeploy in the UI does",
        "down": "end everything; data stays",
    }
    rows = [(again.command(arguments), told) for arguments, told in steps.items()]
    width = max(len(command) for command, _ in rows)
    lines = [f"  {command:<{width}}  {told}" for command, told in rows]
    if (room := room_of(sys.stdout)) and max(map(len, lines)) > room:  # a command is copied as a whole
        lines = [line for command, told in rows for line in (f"  {command}", f"      {told}")]
    return "\n".join(["", "Next:", *lines, ""])


@click.command()
@force_option
@common
def bootstrap(config: Path | None, target: str | None, as_json: bool, force: bool) -> None:
    """Start the whole stack, or complete it; a no-op when it runs already."""
    session = Session(config, target, as_json)
    warn_of_collisions(session)
    deployed = bring_up(session, "bootstrap", Asked(force=force))
    found = read_status(session.engine.target, session.configuration)
    if not as_json:
        if deployed.plan.is_empty:
            echo(NOTHING_TO_DO)
        show_status(found)
        echo(next_steps(session.configuration, found.target))
        say_boldly(f"The UI is at {found.ui}")
    end({**document_of(deployed), "status": found.model_dump(mode="json")}, deployed.failures, as_json)


COMMANDS = {"bootstrap": bootstrap}
