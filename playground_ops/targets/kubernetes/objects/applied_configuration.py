"""The configuration that is in force: a ConfigMap that `deploy` writes, or what came with `ops` from git."""

import json
from pathlib import Path

from playground_ops.config import OPS, Configuration, read
from playground_ops.core.errors import Finding, PlaygroundError, certain
from playground_ops.render import allowed
from playground_ops.render.names import CONFIGURATION, CONFIGURATION_KEY, an_object, release_deployment
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import path
from playground_ops.targets.kubernetes.releases.deployments import SERVED_AT


def configuration_in_force(connection: Connection, namespace: str) -> Configuration:
    """Raises BadInput with its faults, PlaygroundError when there is none.

    Wherever it says that the stack lies, it lies where it was found.
    """
    found = connection.get(path(an_object("v1", "ConfigMap", CONFIGURATION, namespace, {})))
    if found is None:
        raise PlaygroundError(_none(namespace))
    text = found.get("data", {}).get(CONFIGURATION_KEY, "")
    return here(read(text, Path("/", CONFIGURATION, CONFIGURATION_KEY)), namespace)


def here(configuration: Configuration, namespace: str) -> Configuration:
    """As it is in force in a cluster."""
    settings = configuration.kubernetes.model_copy(update={"namespace": namespace})
    return configuration.model_copy(update={"target": "kubernetes", "kubernetes": settings})


def beyond_what_was_applied(connection: Connection, configuration: Configuration) -> list[Finding]:
    """What of it `ops` would be refused for; nothing where no lists were applied."""
    lists = allowed_as_applied(connection, configuration.kubernetes.namespace)
    return allowed.beyond(configuration, lists) if lists else []


def allowed_as_applied(connection: Connection, namespace: str) -> dict[str, list[str]]:
    """What `ops` from git may use, as a person applied it."""
    found = connection.get(path(an_object("v1", "ConfigMap", CONFIGURATION, namespace, {}))) or {}
    lists: dict[str, list[str]] = json.loads(found.get("data", {}).get(allowed.KEY, "{}"))
    return lists


def has_served(connection: Connection, namespace: str, number: str) -> bool:
    """Whether that release of `ops` is more than a candidate."""
    name = release_deployment(OPS.name, int(number))
    found = connection.get(path(an_object("apps/v1", "Deployment", name, namespace, {}))) or {}
    return SERVED_AT in (found.get("metadata", {}).get("annotations") or {})


def _none(namespace: str) -> Finding:
    return certain(
        object=f"configmap/{CONFIGURATION}",
        observed=f"It is not in namespace {namespace}.",
        cause="No stack was bootstrapped there, or somebody deleted it.",
        fix="`python -m playground_ops.bootstrap --target kubernetes --context NAME` makes it.",
    )
