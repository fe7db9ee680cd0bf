"""The command `compare`: definitions of two releases, or what two locations have made of their assets."""

import json
from pathlib import Path

import click

from playground_ops.cli.console import echo, print_json, table
from playground_ops.cli.differences import show_differences
from playground_ops.cli.session import AT_THE_END, Session, Telling, common
from playground_ops.engine import materialize, produced_table
from playground_ops.engine.asset_sides import chosen, known
from playground_ops.engine.compare import Comparison, compare
from playground_ops.engine.compare_assets import AssetComparison, compare_assets
from playground_ops.engine.materialize import Wish, materialize_and_compare


@click.command("compare")
@click.argument("before")
@click.argument("after")
@click.option("--assets", is_flag=True, help="What both locations have made, in place of their definitions.")
@click.option("--run", "runs", is_flag=True, help="Materialize in both first, and then compare as --assets.")
@click.option(
    "--select",
    metavar="KEY",
    multiple=True,
    help="This asset; may be repeated.  [default: all; with --run those whose code version differs]",
)
@click.option(
    "--timeout",
    type=click.IntRange(min=1),
    metavar="SECONDS",
    help=f"With --run: how long both runs may take.  [default: {materialize.TIMEOUT_SECONDS:g}]",
)
@common
def compare_command(
    config: Path | None,
    target: str | None,
    as_json: bool,
    before: str,
    after: str,
    assets: bool,
    runs: bool,
    select: tuple[str, ...],
    timeout: int | None,
) -> None:
    """What differs between BEFORE and AFTER: their definitions, or what they have made of their assets.

    Each is a location; of definitions also a release that runs, such as a-3.
    """
    if select and not (assets or runs):
        raise click.UsageError("--select is for --assets and --run: definitions are compared as a whole.")
    if timeout is not None and not runs:
        raise click.UsageError("--timeout is for --run: nothing else waits for runs.")
    session = Session(config, target, as_json, _of_runs(before, after) if runs else AT_THE_END)
    chosen_assets = [word for key in select for word in ("--select", key)]
    flags = [*(["--assets"] if assets else []), *(["--run"] if runs else []), *chosen_assets]
    waits = ["--timeout", str(timeout)] if timeout is not None else []
    session.leave_to_the_inside("compare", before, after, *flags, *waits)
    names = [location.name for location in session.configuration.all_locations]
    if assets or runs:
        wish = Wish(select, timeout or materialize.TIMEOUT_SECONDS)
        seen = session.run(lambda: _assets(session, (before, after), wish, runs=runs))
        if as_json:
            print_json(json.loads(seen.model_dump_json()))  # which has words for numbers that JSON has not
        else:
            show_assets(seen)
        return
    found = session.run(lambda: compare(session.engine.target, names, before, after))
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        show(found)


def _of_runs(before: str, after: str) -> Telling:
    again = f"`compare {before} {after} --assets` compares what they have made"
    return Telling(
        at_once=False,
        stopping="stopping to wait: runs that are under way go on",
        leaving=f"left: the runs go on without this command; {again}",
    )


def _assets(session: Session, sides: tuple[str, str], wish: Wish, *, runs: bool) -> AssetComparison:
    names = [location.name for location in session.configuration.all_locations]
    both = known(session.engine.target, names, *sides)
    if runs:
        return materialize_and_compare(session.engine, both, wish)
    return compare_assets(session.engine.target, both, chosen(both, wish.select))


def show(found: Comparison) -> None:
    show_differences(found.differences)
    echo(found.summary())


def show_assets(found: AssetComparison) -> None:
    if rows := list(produced_table.lines(found)):
        table(produced_table.columns(found), rows)
    if found.without_location:
        echo("Keys are compared without their first component, each location's own name.")
    for page in found.runs:
        echo(f"run: {page}")
    echo(found.summary())


COMMANDS = {"compare": compare_command}
