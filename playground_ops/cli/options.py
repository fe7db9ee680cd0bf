"""Options that every command has, and the stack that they open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

_CONTEXT = "playground_ops.context"
F = TypeVar("F", bound=Callable[..., Any])


def common(command: F) -> F:
    """--config, --target, --context and --json, in the same words everywhere."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."),
        click.option(
            "--context",
            expose_value=False,
            callback=_keep_context,
            help="On Kubernetes: the kubeconfig's context.  [default: the configuration's]",
        ),
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


def context_of_the_command() -> str | None:
    """What --context said."""
    current = click.get_current_context(silent=True)
    return current.meta.get(_CONTEXT) if current else None


def _keep_context(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    context.meta[_CONTEXT] = value
