"""Commands about locations: redeploy, rollback, promote."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from playground_ops import apply, redeploy, rollback
from playground_ops.cli.console import end
from playground_ops.cli.options import common
from playground_ops.cli.session import Session
from playground_ops.cli.words import told
from playground_ops.config import digest
from playground_ops.model import Action, RolloutRecord
from playground_ops.opening import whoever_is_at_the_keyboard
from playground_ops.request import Request


@click.command("redeploy")
@click.argument("locations", nargs=-1)
@click.option("--ref", help="Branch, tag or full commit.  [default: the configured one]")
@click.option("--force", is_flag=True, help="Also what serves already or was rejected.")
@common
def redeploy_command(
    config: Path | None,
    target: str | None,
    as_json: bool,
    locations: tuple[str, ...],
    ref: str | None,
    force: bool,
) -> None:
    """Bring LOCATIONS to their ref; without any, those whose ref has moved."""
    session = Session(config, target, as_json)
    session.leave_to_the_inside("redeploy", *locations, *_given(ref=ref, force=force))
    wish = redeploy.Wish(locations=locations, ref=ref, force=force, by=whoever_is_at_the_keyboard())
    requests = session.run(lambda: redeploy.requests(session.engine, session.configuration, wish))
    records, failures = session.run(lambda: apply.roll_out_all(session.engine, requests, session.story_of))
    _report(records, failures, as_json)


@click.command("rollback")
@click.argument("location")
@click.option("--to", type=int, help="Release number.  [default: the one before]")
@common
def rollback_command(
    config: Path | None, target: str | None, as_json: bool, location: str, to: int | None
) -> None:
    """Serve an earlier release of LOCATION again."""
    session = Session(config, target, as_json)
    session.leave_to_the_inside("rollback", location, *_given(to=to))
    request = _request(session, location, "rollback")
    record = session.run(lambda: rollback.roll_back(session.engine, request, to))
    _report([record], [], as_json)


@click.command("promote")
@click.argument("source")
@click.argument("destination")
@common
def promote_command(
    config: Path | None, target: str | None, as_json: bool, source: str, destination: str
) -> None:
    """Bring the commit that SOURCE serves to DESTINATION."""
    session = Session(config, target, as_json)
    session.leave_to_the_inside("promote", source, destination)
    request = _request(session, destination, "promote")
    record = session.run(lambda: rollback.promote(session.engine, request, source))
    _report([record], [], as_json)


def _given(**options: object) -> list[str]:
    """As they are written on a command line."""
    found: list[str] = []
    for name, value in options.items():
        if value is True:
            found.append(f"--{name}")
        elif value not in (None, False):
            found += [f"--{name}", str(value)]
    return found


def _request(session: Session, name: str, action: Action) -> Request:
    location = apply.location_named(session.configuration, name)
    return Request(
        location=location, configuration=digest(location), by=whoever_is_at_the_keyboard(), action=action
    )


def _report(
    records: list[RolloutRecord], failures: Sequence[tuple[str, BaseException]], as_json: bool
) -> None:
    if not as_json:
        for record in records:
            click.echo(told(record))
        if not records and not failures:
            click.echo("Nothing to do: no ref has moved.")
    end({"rollouts": [found.model_dump(mode="json") for found in records]}, failures, as_json)


COMMANDS = {"redeploy": redeploy_command, "rollback": rollback_command, "promote": promote_command}
