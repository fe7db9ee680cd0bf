"""The command `status`. It has 0.4 s for the whole process, so it imports little."""

from collections.abc import Sequence
from pathlib import Path

import click

from playground_ops.cli.console import (
    EXIT_FAILED,
    NOT_DEPLOYED,
    fail,
    plain,
    print_json,
    say,
    short_commit,
    short_table,
    short_time,
)
from playground_ops.cli.fitting import Column
from playground_ops.cli.repeating import repeating
from playground_ops.cli.session import Session, common
from playground_ops.core.component import ComponentStatus
from playground_ops.core.model import MAIN
from playground_ops.engine.status import LocationStatus, StackStatus, read_status

COMPONENTS = (
    Column("component"),
    Column("since", dropped=2),
    Column("restarts", dropped=1),
    Column("state", 24),
)
DEPLOYMENT = Column("deployment", 8, dropped=2)
LOCATIONS = (
    Column("location", 12),
    Column("release"),
    Column("commit", 12, dropped=1),
    Column("subject", 12, dropped=4),
    Column("since", dropped=3),
    Column("state", 9),
    Column("automation", dropped=5),
    Column("last rollout", 18),
)
"""Where a terminal is narrow, what stays: what serves, whether it is ready, how its last rollout ended."""


@click.command()
@common
def status(config: Path | None, target: str | None, as_json: bool) -> None:
    """What runs, at which commit, since when; and how the last rollout of each location ended."""
    session = Session(config, target, as_json)
    found = read_status(session.engine.target, session.configuration)
    missing = [NOT_DEPLOYED] if found.ui is None else []
    if as_json:
        print_json({**found.model_dump(mode="json"), "findings": plain(missing)})
    elif missing:
        fail(missing, as_json)
    else:
        show_status(found)
    raise click.exceptions.Exit(EXIT_FAILED if missing else 0)


def show_status(found: StackStatus) -> None:
    say(f"UI {found.ui}")
    for one in (one for one in found.deployments if one.name != MAIN):
        say(f"UI of {one.name} {one.ui or 'is not deployed yet: `deploy` makes it'}")
    say(f"configuration {found.configuration}")
    for note in found.notes:
        say(note)
    whole = short_table(COMPONENTS, [_component_row(component) for component in found.components])
    rows = [_location_row(location) for location in found.locations]
    columns: Sequence[Column] = LOCATIONS
    if len(found.deployments) > 1:
        columns = (LOCATIONS[0], DEPLOYMENT, *LOCATIONS[1:])
        rows = [(row[0], one.deployment, *row[1:]) for row, one in zip(rows, found.locations, strict=True)]
    whole = short_table(columns, rows) and whole
    if not whole:
        say("The terminal is too narrow for all of it: `status --json` has all.")
    for location in found.locations:
        if location.candidate_changes:
            name, changes = location.name, location.candidate_changes
            say(f"Release {location.candidate} waits for `approve {name}` or `reject {name}`: {changes}.")
        if location.last_rollout and location.last_rollout.reason:
            say(f"Why the last rollout of {location.name} failed: `history {location.name}`.")


def _component_row(component: ComponentStatus) -> tuple[str, ...]:
    state = "ready" if component.ready else repeating()(f"not ready: {component.message}")
    return component.name, short_time(component.since), str(component.restarts), state


def _location_row(location: LocationStatus) -> tuple[str, ...]:
    last, again = location.last_rollout, repeating()
    outcome = f"{last.action} {last.outcome}" if last else ""
    if last and last.reason:
        outcome += f": {last.reason}"
    state = "ready" if location.ready else (location.message or "serves nothing")
    if location.candidate:
        state += f", candidate {location.candidate}"
    if location.restarts:
        state += f", {location.restarts} restart(s)"
    return (
        location.name,
        str(location.release or "-"),
        short_commit(location.commit),
        location.subject or "",
        short_time(location.since),
        again(state),
        location.automation or "",
        again(outcome),
    )


COMMANDS = {"status": status}
