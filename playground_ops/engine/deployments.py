"""Deployments as people name them: which there are, and what is said of one that is not there."""

import difflib

from playground_ops.config import Configuration
from playground_ops.core.errors import BadInput, Finding, certain


def must_be_there(configuration: Configuration, name: str) -> None:
    """Raise BadInput for a deployment that is not configured, naming those that are."""
    if name not in configuration.deployment_names:
        raise BadInput(_unknown(name, configuration.deployment_names))


def not_deployed_yet(name: str) -> Finding:
    """Return the finding for a deployment that is configured, in a stack that is there without it."""
    return certain(
        object=f"deployment/{name}",
        observed="It is configured, and not deployed.",
        cause="It was added to the configuration since the last deploy.",
        fix="`deploy` makes it.",
    )


def _unknown(name: str, known: tuple[str, ...]) -> Finding:
    near = difflib.get_close_matches(name, known, n=1)
    return certain(
        object=f"deployment/{name}",
        observed="There is no such deployment in this stack.",
        cause=f"The configuration has: {', '.join(known)}.",
        fix=f"Did you mean `{near[0]}`?" if near else "Name one of these, or add it to `deployments`.",
    )
