"""The command `history`: the rollouts of locations, and what one of them has changed."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from playground_ops.cli.console import echo, print_json, say, short_table, short_time, tell
from playground_ops.cli.differences import show_differences
from playground_ops.cli.fitting import Column
from playground_ops.cli.repeating import repeating
from playground_ops.cli.session import Session, common
from playground_ops.core.errors import BadInput, Finding, certain
from playground_ops.core.model import RolloutRecord
from playground_ops.engine import apply

COLUMNS = (
    Column("started"),
    Column("location", 8),
    Column("action", dropped=2),
    Column("outcome", 9),
    Column("release", dropped=1),
    Column("commit", dropped=4),
    Column("by", 6, dropped=5),
    Column("what", 16),
)


@click.command()
@click.argument("location", required=False)
@click.option(
    "--diff",
    "number",
    metavar="NUMBER",
    type=click.IntRange(1),
    help="What release NUMBER of LOCATION changes against what served before it.",
)
@common
def history(
    config: Path | None, target: str | None, as_json: bool, location: str | None, number: int | None
) -> None:
    """Every rollout of LOCATION (of all, without one), newest last; and why its last one failed.

    A location that was taken out of the configuration still has its own.
    """
    if number is not None and location is None:
        raise click.UsageError("--diff is about a release of one location: name it.")
    records = _records(Session(config, target, as_json), location)
    if number is not None:
        records = _to(records, str(location), number)
    if as_json:
        print_json([record.model_dump(mode="json") for record in records])
    elif number is not None:
        for record in records:
            _show_changes(record)
    else:
        _show(records, location)


def _show(records: Sequence[RolloutRecord], location: str | None) -> None:
    columns = COLUMNS if location is None else (COLUMNS[0], replace(COLUMNS[1], dropped=6), *COLUMNS[2:])
    if not short_table(columns, [_row(record) for record in records]):
        again = "history --json" if location is None else f"history {location} --json"
        say(f"The terminal is too narrow for all of it: `{again}` has all.")
    if location and records and records[-1].finding:
        tell(records[-1].finding)


def _records(session: Session, location: str | None) -> list[RolloutRecord]:
    configuration, stored = session.configuration, session.engine.target
    if location is None:
        configured = [found.name for found in configuration.all_locations]
        names = list(dict.fromkeys([*configured, *stored.recorded()]))
    elif location in stored.recorded():
        names = [location]
    else:
        names = [apply.location_named(configuration, location).name]
    records = [record for name in names for record in stored.records(name)]
    return sorted(records, key=lambda record: record.started_at)


def _to(records: Sequence[RolloutRecord], location: str, number: int) -> list[RolloutRecord]:
    """Return the rollouts to a release: the one that made it, and rollbacks. Raises BadInput for none."""
    found = [record for record in records if record.release and record.release.number == number]
    if not found:
        raise BadInput(_no_such_release(location, number, records))
    return found


def _show_changes(record: RolloutRecord) -> None:
    release, changes = record.release, record.changes
    assert release is not None, "it was chosen by its release"
    at = f"{short_time(record.started_at)}  {record.action} to {release.name} at {release.revision.short}"
    echo(f"{at}: {_outcome(record)}")
    if changes is None:
        echo("What it changes was not recorded: it ended before that, or an earlier version of this made it.")
    elif not changes.shown:
        echo(f"{changes.sentence()}.")
    else:
        show_differences(changes.shown)
        left = f" The table leaves out {changes.left_out:,}." if changes.left_out else ""
        echo(f"Against release {changes.against}: {changes.totals()}.{left}")


def _row(record: RolloutRecord) -> tuple[str, ...]:
    revision = record.revision
    return (
        short_time(record.started_at),
        record.location,
        record.action,
        _outcome(record),
        str(record.release.number) if record.release else "-",
        revision.short if revision else "-",
        record.by,
        repeating()(record.finding.observed) if record.finding else (revision.subject if revision else ""),
    )


def _outcome(record: RolloutRecord) -> str:
    return record.outcome.value if record.outcome else f"under way: {record.phase.value}"


def _no_such_release(location: str, number: int, records: Sequence[RolloutRecord]) -> Finding:
    numbers = sorted({record.release.number for record in records if record.release})
    return certain(
        object=f"release/{location}-{number}",
        observed="No rollout on record led to it.",
        cause=f"Those on record are: {', '.join(map(str, numbers)) or 'none'}. The last hundred are kept.",
        fix=f"Name one of these; `history {location}` lists them.",
    )


COMMANDS = {"history": history}
