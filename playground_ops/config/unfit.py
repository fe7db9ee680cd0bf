"""What a configuration says that its target can't do: refused, as it would not be what was asked for."""

from __future__ import annotations

from pathlib import Path

from playground_ops.config.configuration import Configuration
from playground_ops.errors import BadInput, Finding, FindingKind


def must_fit(configuration: Configuration, target: str) -> None:
    """Raises BadInput."""
    if target == "local" and configuration.runs_in_pods:
        raise BadInput(_no_pods(Path(configuration.source).name))
    if configuration.isolated and configuration.runs_in_pods:
        names = ", ".join(one.name for one in configuration.isolated)
        raise BadInput(_isolated(Path(configuration.source).name, names))


def _no_pods(file: str) -> Finding:
    return Finding(
        kind=FindingKind.CERTAIN,
        object=f"{file}:run_launcher",
        observed="Found `kubernetes` on target local.",
        cause="There are no pods on one machine: a run is a process of its release's code server there.",
        fix="Remove `run_launcher`, set `target: kubernetes`, or add --target kubernetes.",
    )


def _isolated(file: str, names: str) -> Finding:
    return Finding(
        kind=FindingKind.CERTAIN,
        object=f"{file}:run_launcher",
        observed=f"Found `kubernetes` beside locations in namespaces of their own: {names}.",
        cause="The daemon launches runs in the stack's own namespace alone.",
        fix="Remove `isolation` of these locations, or `run_launcher`.",
    )
