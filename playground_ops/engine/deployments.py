"""Deployments as people name them: which there are, and what is said of one that is not there."""

from playground_ops.config import Configuration
from playground_ops.core.errors import BadInput, Finding, certain
from playground_ops.engine.naming import unknown


def must_be_there(configuration: Configuration, name: str) -> None:
    """Raise BadInput for a deployment that is not configured, naming those that are."""
    if name not in configuration.deployment_names:
        raise BadInput(unknown("deployment", name, configuration.deployment_names, "`deployments`"))


def not_deployed_yet(name: str) -> Finding:
    """Return the finding for a deployment that is configured, in a stack that is there without it."""
    return certain(
        object=f"deployment/{name}",
        observed="It is configured, and not deployed.",
        cause="It was added to the configuration since the last deploy.",
        fix="`deploy` makes it.",
    )
