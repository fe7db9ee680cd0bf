"""Commands about the databases of a stack on Kubernetes: backup, restore."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from playground_ops.cli.console import echo, print_json
from playground_ops.cli.progress import Display, display
from playground_ops.cli.session import common, context_of_the_command
from playground_ops.context import must_be_of_this_version, open_cluster
from playground_ops.core.model import MAIN
from playground_ops.engine.deployments import must_be_there

if TYPE_CHECKING:
    from playground_ops.targets.kubernetes.outside.backups import Kept

FILE = click.Path(path_type=Path, dir_okay=False)
TOLD_EVERY_SECONDS = 2.0
FORCED_GRACE_SECONDS = 5


def of_deployment(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--deployment` to a command."""
    told = "Deployment whose database it is; default: the main one."
    return click.option("--deployment", default=MAIN, metavar="NAME", help=told)(command)


@click.command()
@click.argument("file", type=FILE)
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@of_deployment
@common
def backup(
    config: Path | None, target: str | None, as_json: bool, file: Path, force: bool, deployment: str
) -> None:
    """Write a deployment's database to FILE, while the stack goes on (on Kubernetes)."""
    from playground_ops.targets.kubernetes.outside import backups

    kept = _kept(config, target, deployment)
    size = backups.back_up(kept, file, counting(display(as_json), "read"), overwrite=force)
    if as_json:
        print_json({"file": str(file), "bytes": size, "deployment": deployment})
    else:
        echo(f"{file}: {size:,} bytes, checked by pg_restore.")


@click.command()
@click.argument("file", type=FILE)
@click.option("--stop", "stops", is_flag=True, help="Stop the deployment for it, and start it again.")
@click.option("--force", is_flag=True, help="With --stop: also while runs are under way, which ends them.")
@click.option("--of-another", is_flag=True, help="Also a backup of another deployment.")
@of_deployment
@common
def restore(
    config: Path | None,
    target: str | None,
    as_json: bool,
    file: Path,
    stops: bool,
    force: bool,
    of_another: bool,
    deployment: str,
) -> None:
    """Bring the database of a stopped deployment back to what FILE holds (on Kubernetes)."""
    from playground_ops.targets.kubernetes.outside import backups, postgres, stopping

    if force and not stops:
        raise click.UsageError("--force is for --stop: what is stopped has no runs under way.")
    kept, shown = _kept(config, target, deployment), display(as_json)
    backups.verify_any(kept, file) if of_another else backups.verify(kept, file)
    connection, place = kept.connection, kept.place
    processes = stopping.Processes(connection, kept.whole, deployment)
    if not stops:
        stopping.must_be_stopped(processes, place)
        backups.restore(kept, file, counting(shown, "sent"))
    else:
        if not force:
            runs = postgres.active_runs(connection, place, kept.owner)
            postgres.must_have_no_runs(runs, f"Stopping {_called(deployment)}")
        try:
            stopping.stop(processes, shown.line, FORCED_GRACE_SECONDS if force else None)
            stopping.must_be_stopped(processes, place)
            backups.restore(kept, file, counting(shown, "sent"))
        finally:
            stopping.start(processes, shown.line)
    if as_json:
        told = {"file": str(file), "deployment": deployment, "restored": True, "started": stops}
        print_json(told)
    else:
        echo(f"{database_of(deployment)} is as {file} has it.")


def _kept(config: Path | None, target: str | None, deployment: str) -> "Kept":
    """Return the database of a deployment. Raises BadInput for an unknown one, or one that is elsewhere."""
    from playground_ops.targets.kubernetes.outside import backups, postgres

    connection, configuration = open_cluster(config, target, context_of_the_command())
    must_be_there(configuration, deployment)
    must_be_of_this_version(connection, configuration)
    place = postgres.find(connection, configuration.of(deployment), backups.INSTEAD)
    return backups.Kept(connection, place, configuration, deployment)


def database_of(deployment: str) -> str:
    """Return how a sentence about a deployment's database begins."""
    return "The database" if deployment == MAIN else f"The database of deployment {deployment}"


def _called(deployment: str) -> str:
    return "the stack" if deployment == MAIN else f"deployment {deployment}"


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
