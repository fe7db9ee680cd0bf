"""The configuration that is in force: a ConfigMap that `deploy` writes and `ops` acts on."""

from __future__ import annotations

from pathlib import Path

from playground_ops.config import Configuration, read
from playground_ops.errors import Finding, FindingKind, PlaygroundError
from playground_ops.render.names import CONFIGURATION, CONFIGURATION_KEY, an_object
from playground_ops.targets.kubernetes.connection import Connection
from playground_ops.targets.kubernetes.paths import path


def configuration_in_force(connection: Connection, namespace: str) -> Configuration:
    """Raises BadInput with its faults, PlaygroundError when there is none.

    Wherever it says that the stack lies, it lies where it was found.
    """
    found = connection.get(path(an_object("v1", "ConfigMap", CONFIGURATION, namespace, {})))
    if found is None:
        raise PlaygroundError(_none(namespace))
    text = found.get("data", {}).get(CONFIGURATION_KEY, "")
    configuration = read(text, Path("/", CONFIGURATION, CONFIGURATION_KEY))
    here = configuration.kubernetes.model_copy(update={"namespace": namespace})
    return configuration.model_copy(update={"target": "kubernetes", "kubernetes": here})


def _none(namespace: str) -> Finding:
    return Finding(
        kind=FindingKind.CERTAIN,
        object=f"configmap/{CONFIGURATION}",
        observed=f"It is not in namespace {namespace}.",
        cause="No stack was bootstrapped there, or somebody deleted it.",
        fix="`python -m playground_ops.bootstrap --target kubernetes --context NAME` makes it.",
    )
