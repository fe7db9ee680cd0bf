"""Commands about the database of a stack on Kubernetes: backup, restore."""

import time
from collections.abc import Callable
from pathlib import Path

import click

from playground_ops.cli.console import echo, print_json
from playground_ops.cli.progress import Display, display
from playground_ops.cli.session import common, context_of_the_command
from playground_ops.context import open_cluster

FILE = click.Path(path_type=Path, dir_okay=False)
TOLD_EVERY_SECONDS = 2.0
FORCED_GRACE_SECONDS = 5


@click.command()
@click.argument("file", type=FILE)
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@common
def backup(config: Path | None, target: str | None, as_json: bool, file: Path, force: bool) -> None:
    """Write the stack's database to FILE, while the stack goes on (on Kubernetes)."""
    from playground_ops.targets.kubernetes.outside import backups, postgres

    connection, configuration = open_cluster(config, target, context_of_the_command())
    place = postgres.find(connection, configuration, backups.INSTEAD)
    size = backups.back_up(connection, place, file, counting(display(as_json), "read"), overwrite=force)
    if as_json:
        print_json({"file": str(file), "bytes": size})
    else:
        echo(f"{file}: {size:,} bytes, checked by pg_restore.")


@click.command()
@click.argument("file", type=FILE)
@click.option("--stop", "stops", is_flag=True, help="Stop the stack for it, and start it again.")
@click.option("--force", is_flag=True, help="With --stop: also while runs are under way, which ends them.")
@common
def restore(
    config: Path | None, target: str | None, as_json: bool, file: Path, stops: bool, force: bool
) -> None:
    """Bring the database of a stopped stack back to what FILE holds (on Kubernetes)."""
    from playground_ops.targets.kubernetes.outside import backups, postgres, stopping

    if force and not stops:
        raise click.UsageError("--force is for --stop: a stack that is stopped has no runs under way.")
    connection, configuration = open_cluster(config, target, context_of_the_command())
    place, shown = postgres.find(connection, configuration, backups.INSTEAD), display(as_json)
    namespaces = configuration.namespaces
    backups.verify(connection, place, file)
    if not stops:
        stopping.must_be_stopped(connection, place, namespaces)
        backups.restore(connection, place, file, counting(shown, "sent"))
    else:
        if not force:
            postgres.must_have_no_runs(postgres.active_runs(connection, place), "Stopping the stack")
        try:
            grace = FORCED_GRACE_SECONDS if force else None
            stopping.stop(connection, namespaces, shown.line, grace)
            stopping.must_be_stopped(connection, place, namespaces)
            backups.restore(connection, place, file, counting(shown, "sent"))
        finally:
            stopping.start(connection, namespaces, shown.line)
    if as_json:
        print_json({"file": str(file), "restored": True, "started": stops})
    else:
        echo(f"The database is as {file} has it.")


def counting(shown: Display, verb: str) -> Callable[[int], None]:
    """Return a callback that reports the size so far every few seconds."""
    last = time.monotonic()

    def count(size: int) -> None:
        nonlocal last
        if time.monotonic() - last >= TOLD_EVERY_SECONDS:
            last = time.monotonic()
            shown.line(f"{size:,} bytes {verb}")

    return count


COMMANDS = {"backup": backup, "restore": restore}
