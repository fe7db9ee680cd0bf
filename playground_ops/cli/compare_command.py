"""The command `compare`."""

from __future__ import annotations

from pathlib import Path

import click

from playground_ops.cli.console import print_json, table
from playground_ops.cli.options import common
from playground_ops.cli.session import Session
from playground_ops.compare import Comparison, compare


@click.command("compare")
@click.argument("before")
@click.argument("after")
@common
def compare_command(config: Path | None, target: str | None, as_json: bool, before: str, after: str) -> None:
    """What differs between the definitions of BEFORE and AFTER: locations, or releases such as a-3."""
    session = Session(config, target, as_json)
    session.leave_to_the_inside("compare", before, after)
    names = [location.name for location in session.configuration.all_locations]
    found = session.run(lambda: compare(session.engine.target, names, before, after))
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        show(found)


def show(found: Comparison) -> None:
    rows = [
        (one.change, one.kind, one.name, field.path, field.before or "-", field.after or "-")
        for one in found.differences
        for field in one.fields
    ]
    plain = [(one.change, one.kind, one.name, "", "", "") for one in found.differences if not one.fields]
    if rows or plain:
        table(("change", "kind", "name", "field", "before", "after"), [*plain, *rows])
    click.echo(found.summary())


COMMANDS = {"compare": compare_command}
