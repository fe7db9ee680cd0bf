"""Commands that only look: history, logs, health, ui."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from playground_ops import apply
from playground_ops.cli.console import EXIT_FAILED, plain, print_json, table
from playground_ops.cli.options import common
from playground_ops.cli.session import Session
from playground_ops.cli.words import NOT_DEPLOYED, moment
from playground_ops.config import load
from playground_ops.errors import PlaygroundError
from playground_ops.health import check
from playground_ops.model import RolloutRecord
from playground_ops.opening import configuration_file


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
    session = Session(config, target, as_json)
    findings = check(session.engine.target, session.configuration)
    if as_json:
        print_json({"findings": plain(findings)})
        raise click.exceptions.Exit(EXIT_FAILED if findings else 0)
    if findings:
        raise PlaygroundError(*findings)
    click.echo("Everything is well.")


@click.command()
@click.option("--context", help="The kubeconfig's context that the target `kubernetes` is asked at.")
@click.option("--port", type=click.IntRange(1, 65_535), help="On Kubernetes: the port here, else a free one.")
@click.option("--no-browser", is_flag=True, help="Print the address and open nothing.")
@common
def ui(
    config: Path | None,
    target: str | None,
    as_json: bool,
    context: str | None,
    port: int | None,
    no_browser: bool,
) -> None:
    """Print the UI's address and open it in a browser, when a terminal is there.

    On Kubernetes it forwards a port of this machine to the webserver, until Ctrl-C.
    """
    configuration = load(config or configuration_file())
    browse = sys.stdout.isatty() and not no_browser
    if (target or configuration.target) == "kubernetes":
        from playground_ops.cli.reaching import forward_ui

        forward_ui(configuration, context, port or 0, browse, as_json)
        return
    if port:
        raise click.UsageError("--port is for the target `kubernetes`; here it is `webserver: port:`.")
    address = Session(config, target, as_json).engine.target.stack.ui_address()
    if address is None:
        raise PlaygroundError(NOT_DEPLOYED)
    if as_json:
        print_json({"ui": address})
        return
    click.echo(address)
    if browse:
        click.launch(address)


def _history_row(record: RolloutRecord) -> tuple[str, ...]:
    revision = record.revision
    return (
        moment(record.started_at),
        record.location,
        record.action,
        record.outcome.value if record.outcome else f"under way: {record.phase.value}",
        str(record.release.number) if record.release else "-",
        revision.short if revision else "-",
        record.by,
        record.finding.observed if record.finding else (revision.subject if revision else ""),
    )


COMMANDS = {"history": history, "logs": logs, "health": health, "ui": ui}
