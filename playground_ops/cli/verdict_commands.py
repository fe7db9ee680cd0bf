"""Commands that let a waiting candidate go on, or end it. They need nothing of the inside of a cluster."""

from __future__ import annotations

from pathlib import Path

import click

from playground_ops.apply import location_named
from playground_ops.approval import decide
from playground_ops.cli.console import print_json
from playground_ops.cli.options import common
from playground_ops.cli.session import Session
from playground_ops.model import Verdict
from playground_ops.opening import whoever_is_at_the_keyboard


@click.command()
@click.argument("location")
@click.option("--reason", default="", help="What the record says of it.")
@common
def approve(config: Path | None, target: str | None, as_json: bool, location: str, reason: str) -> None:
    """Let the candidate of LOCATION that waits for approval go on."""
    said = Verdict(approved=True, by=whoever_is_at_the_keyboard(), reason=reason)
    _say(Session(config, target, as_json), location, said, as_json)


@click.command()
@click.argument("location")
@click.option("--reason", default="", help="What the record says of it.")
@common
def reject(config: Path | None, target: str | None, as_json: bool, location: str, reason: str) -> None:
    """End the rollout of LOCATION that waits for approval."""
    said = Verdict(approved=False, by=whoever_is_at_the_keyboard(), reason=reason)
    _say(Session(config, target, as_json), location, said, as_json)


def _say(session: Session, location: str, said: Verdict, as_json: bool) -> None:
    name = location_named(session.configuration, location).name
    release = decide(session.engine.target, name, said)
    if as_json:
        print_json({"release": release.name, "commit": release.revision.commit, "approved": said.approved})
        return
    click.echo(f"{release.name} at {release.revision.short}: {'approved' if said.approved else 'rejected'}.")


COMMANDS = {"approve": approve, "reject": reject}
