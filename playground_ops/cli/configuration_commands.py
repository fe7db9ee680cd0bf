"""Commands about the configuration file alone: validate, generate. They open no stack."""

from __future__ import annotations

from pathlib import Path

import click

from playground_ops.cli.console import print_json
from playground_ops.cli.options import common
from playground_ops.config import load
from playground_ops.errors import BadInput, Finding, FindingKind
from playground_ops.opening import configuration_file


@click.command()
@common
def validate(config: Path | None, target: str | None, as_json: bool) -> None:
    """Check the configuration file; every fault at once."""
    configuration = load(config or configuration_file())
    names = [location.name for location in configuration.locations]
    if as_json:
        print_json({"file": configuration.source, "locations": names})
    else:
        click.echo(f"{configuration.source}: good. Locations: {', '.join(names)}.")


@click.command()
@click.option("--force", is_flag=True, help="Overwrite files that were edited.")
@common
def generate(config: Path | None, target: str | None, as_json: bool, force: bool) -> None:
    """Write the Kubernetes objects to deploy/ (comes with the Kubernetes target)."""
    raise BadInput(
        Finding(
            kind=FindingKind.CERTAIN,
            object="command/generate",
            observed="This version can't render Kubernetes objects.",
            cause='`generate` comes with "The stack on Kubernetes".',
            fix="Use the local target: `bootstrap`, `plan`, `deploy`.",
        )
    )


COMMANDS = {"validate": validate, "generate": generate}
