"""The command that gathers what a bug report needs."""

from __future__ import annotations

from pathlib import Path

import click

from playground_ops.cli.console import print_json
from playground_ops.cli.options import common
from playground_ops.cli.session import Session
from playground_ops.collecting import entries, name_of, write
from playground_ops.errors import BadInput, Finding, FindingKind


@click.command()
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Else playground-TIME.tar.gz, here."
)
@common
def collect(config: Path | None, target: str | None, as_json: bool, output: Path | None) -> None:
    """Logs, events, objects and health in one archive, without secrets, for a bug report."""
    session = Session(config, target, as_json)
    engine = session.engine
    path = output or Path(name_of(engine.clock))
    health = None if engine.elsewhere is None else lambda: session.heard("health", "--json")
    found = entries(engine.target, session.configuration, engine.clock, health)
    files: list[str] = []
    try:
        size = session.run(lambda: write(found, path, files.append))
    except OSError as error:
        raise BadInput(_unwritten(path, error)) from None
    if as_json:
        print_json({"file": str(path), "bytes": size, "files": files})
    else:
        click.echo(f"{path}: {len(files)} files, {size:,} bytes. Look through it before you send it.")


def _unwritten(path: Path, error: OSError) -> Finding:
    return Finding(
        kind=FindingKind.CERTAIN,
        object=f"file/{path}",
        observed=f"It can't be written: {error.strerror or error}.",
        cause="The folder is not there, is not yours, or is full.",
        fix="Name another file by --output.",
        whose="surroundings",
    )


COMMANDS = {"collect": collect}
