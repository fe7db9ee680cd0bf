"""The configuration in force: the ConfigMap that `deploy` writes, or what came with `ops` from git."""

import json
from pathlib import Path

from playground_ops.config import OPS, Configuration, read
from playground_ops.core.errors import Finding, PlaygroundError, certain
from playground_ops.render import allowed
from playground_ops.render.names import CONFIGURATION, CONFIGURATION_KEY, release_deployment
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import path_of
from playground_ops.targets.kubernetes.releases.deployments import SERVED_AT


def configuration_in_force(connection: Connection, namespace: str) -> Configuration:
    """Read it. The place where it was found overrides the one it names. Raises BadInput, PlaygroundError."""
    found = connection.get(path_of("v1", "ConfigMap", CONFIGURATION, namespace))
    if found is None:
        raise PlaygroundError(_none(namespace))
    text = found.get("data", {}).get(CONFIGURATION_KEY, "")
    return here(read(text, Path("/", CONFIGURATION, CONFIGURATION_KEY)), namespace)


def here(configuration: Configuration, namespace: str) -> Configuration:
    """Return the configuration with the target and the namespace that it is in force in."""
    settings = configuration.kubernetes.model_copy(update={"namespace": namespace})
    return configuration.model_copy(update={"target": "kubernetes", "kubernetes": settings})


def beyond_what_was_applied(connection: Connection, configuration: Configuration) -> list[Finding]:
    """Return what `ops` has no permission for; nothing where no lists were applied."""
    lists = allowed_as_applied(connection, configuration.kubernetes.namespace)
    return allowed.beyond(configuration, lists) if lists else []


def allowed_as_applied(connection: Connection, namespace: str) -> dict[str, list[str]]:
    """Return the applied lists of what `ops` from git may use."""
    found = connection.get(path_of("v1", "ConfigMap", CONFIGURATION, namespace)) or {}
    lists: dict[str, list[str]] = json.loads(found.get("data", {}).get(allowed.KEY, "{}"))
    return lists


def has_served(connection: Connection, namespace: str, number: str) -> bool:
    """Return whether this release of `ops` has ever served."""
    name = release_deployment(OPS.name, int(number))
    found = connection.get(path_of("apps/v1", "Deployment", name, namespace)) or {}
    return SERVED_AT in (found.get("metadata", {}).get("annotations") or {})


def _none(namespace: str) -> Finding:
    return certain(
        object=f"configmap/{CONFIGURATION}",
        observed=f"It is not in namespace {namespace}.",
        cause="No stack was bootstrapped there, or somebody deleted it.",
        fix="`python -m playground_ops.bootstrap` makes it.",
    )
