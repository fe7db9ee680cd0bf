"""Commands that only look: status, history, logs, health."""

from __future__ import annotations

from pathlib import Path

import click

from playground_ops import apply
from playground_ops.cli.console import print_json, table
from playground_ops.cli.options import common
from playground_ops.cli.session import Session
from playground_ops.cli.stack_commands import not_deployed
from playground_ops.errors import PlaygroundError
from playground_ops.looking import look
from playground_ops.model import RolloutRecord
from playground_ops.status import LocationStatus, StackStatus


@click.command()
@common
def status(config: Path | None, target: str | None, as_json: bool) -> None:
    """What runs, at which commit, since when; and how the last rollout of each location ended."""
    session = Session(config, target, as_json)
    found = look(session.engine.target, session.configuration)
    if as_json:
        print_json(found.model_dump(mode="json"))
    elif found.ui is None:
        raise PlaygroundError(not_deployed())
    else:
        show_status(found)


@click.command()
@click.argument("location", required=False)
@common
def history(config: Path | None, target: str | None, as_json: bool, location: str | None) -> None:
    """Every rollout of LOCATION (of all, without one), newest last."""
    session = Session(config, target, as_json)
    configuration = session.configuration
    names = (
        [apply.location_named(configuration, location).name]
        if location
        else [found.name for found in configuration.all_locations]
    )
    records = [record for name in names for record in session.engine.target.records(name)]
    records.sort(key=lambda record: record.started_at)
    if as_json:
        print_json([record.model_dump(mode="json") for record in records])
    else:
        table(
            ("started", "location", "action", "outcome", "release", "commit", "by", "what"),
            [_history_row(record) for record in records],
        )


@click.command()
@click.argument("component")
@click.option("-n", "--lines", type=click.IntRange(1, 10_000), default=100, show_default=True)
@click.option("-f", "--follow", is_flag=True, help="Go on until interrupted.")
@common
def logs(
    config: Path | None,
    target: str | None,
    as_json: bool,
    component: str,
    lines: int,
    follow: bool,
) -> None:
    """The log of COMPONENT: webserver, daemon, supervisor, a location, or a release such as a-3."""
    if follow and as_json:
        raise click.UsageError("--follow goes on for ever and --json is one document: give one of them.")
    session = Session(config, target, as_json)
    found = session.engine.target.stack.logs(component, lines, follow)
    if as_json:
        print_json({"component": component, "lines": list(found)})
        return
    for line in found:
        click.echo(line)


@click.command()
@common
def health(config: Path | None, target: str | None, as_json: bool) -> None:
    """Look at every component; exit 1 and explain when one is not well."""
    from playground_ops.health import check

    session = Session(config, target, as_json)
    findings = check(session.engine.target, session.configuration)
    if as_json:
        print_json({"findings": [found.model_dump(mode="json") for found in findings]})
        raise click.exceptions.Exit(1 if findings else 0)
    if findings:
        raise PlaygroundError(*findings)
    click.echo("Everything is well.")


def show_status(found: StackStatus) -> None:
    click.echo(f"UI {found.ui}")
    table(
        ("component", "state", "since", "restarts"),
        [
            (
                component.name,
                "ready" if component.ready else f"not ready: {component.message}",
                _when(component.since),
                str(component.restarts),
            )
            for component in found.components
        ],
    )
    table(
        ("location", "release", "commit", "since", "state", "automation", "last rollout"),
        [_location_row(location) for location in found.locations],
    )


def _location_row(location: LocationStatus) -> tuple[str, ...]:
    last = location.last_rollout
    told = f"{last.action} {last.outcome}" if last else ""
    if last and last.reason:
        told += f": {last.reason}"
    state = "ready" if location.ready else (location.message or "serves nothing")
    if location.candidate:
        state += f", candidate {location.candidate}"
    if location.restarts:
        state += f", {location.restarts} restart(s)"
    return (
        location.name,
        str(location.release or "-"),
        f"{_short(location.commit)} {location.subject or ''}".strip(),
        _when(location.since),
        state,
        location.automation or "",
        told,
    )


def _history_row(record: RolloutRecord) -> tuple[str, ...]:
    revision = record.revision
    return (
        _when(record.started_at),
        record.location,
        record.action,
        record.outcome.value if record.outcome else f"under way: {record.phase.value}",
        str(record.release.number) if record.release else "-",
        revision.short if revision else "-",
        record.by,
        record.finding.observed if record.finding else (revision.subject if revision else ""),
    )


def _short(commit: str | None) -> str:
    if not commit:
        return "-"
    return commit[:20] if commit.startswith("content-") else commit[:12]


def _when(moment: str | None) -> str:
    return (moment or "")[:19].replace("T", " ")


COMMANDS = (status, history, logs, health)
