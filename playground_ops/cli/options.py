"""Options that every command has, and the stack that they open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def common(command: F) -> F:
    """--config, --target and --json, in the same words everywhere."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."),
        click.option("--target", type=click.Choice(["local", "kubernetes"]), help="Override the target."),
        click.option(
            "--config",
            "config",
            type=click.Path(path_type=Path, dir_okay=False),
            help="The configuration file.  [default: configvalues.yaml of this project]",
        ),
    ):
        command = option(command)
    return command
