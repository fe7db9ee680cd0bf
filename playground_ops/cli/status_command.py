"""The command `status`. It has 0.4 s for the whole process, so it imports little."""

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
from playground_ops.cli.session import Session, common
from playground_ops.core.component import ComponentStatus
from playground_ops.core.model import MAIN
from playground_ops.engine.status import LocationStatus, StackStatus, read_status


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
    short_table(
        ("component", "since", "restarts", "state"),
        [_component_row(component) for component in found.components],
    )
    columns: tuple[str, ...] = (
        "location",
        "release",
        "commit",
        "since",
        "state",
        "automation",
        "last rollout",
    )
    rows = [_location_row(location) for location in found.locations]
    if len(found.deployments) > 1:
        columns = (columns[0], "deployment", *columns[1:])
        rows = [(row[0], one.deployment, *row[1:]) for row, one in zip(rows, found.locations, strict=True)]
    short_table(columns, rows)
    for location in found.locations:
        if location.candidate_changes:
            name, changes = location.name, location.candidate_changes
            say(f"Release {location.candidate} waits for `approve {name}` or `reject {name}`: {changes}.")
        if location.last_rollout and location.last_rollout.reason:
            say(f"Why the last rollout of {location.name} failed: `history {location.name}`.")


def _component_row(component: ComponentStatus) -> tuple[str, ...]:
    state = "ready" if component.ready else f"not ready: {component.message}"
    return component.name, short_time(component.since), str(component.restarts), state


def _location_row(location: LocationStatus) -> tuple[str, ...]:
    last = location.last_rollout
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
        f"{short_commit(location.commit)} {location.subject or ''}".strip(),
        short_time(location.since),
        state,
        location.automation or "",
        outcome,
    )


COMMANDS = {"status": status}
