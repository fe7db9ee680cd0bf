"""All objects of a stack, by component and in the order in which they are applied."""

from __future__ import annotations

from playground_ops.config import Configuration
from playground_ops.render import (
    admission,
    budgets,
    daemon,
    database,
    errand,
    foundation,
    instance,
    locations,
    versions,
    webserver,
)
from playground_ops.render.names import CONFIGURATION, CONFIGURATION_KEY, Object, an_object, labels

FOUNDATION = ("foundation", "configuration")
"""The components that are applied with a person's own rights; `ops` may change all others."""
Rendered = dict[str, list[Object]]
"""Component: its objects."""


def render(configuration: Configuration) -> Rendered:
    """Without Secrets, and without releases, which rollouts make."""
    found: Rendered = {
        "foundation": [
            foundation.namespace(configuration),
            *foundation.rights(configuration),
            *admission.render(configuration),
            *foundation.network_policies(configuration),
            *budgets.render(configuration),
        ],
        "configuration": [_configuration(configuration), *versions.in_force(configuration)],
        "postgres": database.render(configuration),
        "instance": instance.render(configuration),
        "workspace": [locations.workspace(configuration)],
        **{
            f"location-{one.name}": [locations.service(configuration, one)]
            for one in configuration.all_locations
        },
        "webserver": webserver.render(configuration),
        "webserver-read-only": webserver.read_only(configuration),
        "daemon": daemon.render(configuration),
    }
    return {component: objects for component, objects in found.items() if objects}


def by_hand(configuration: Configuration) -> Rendered:
    """All of it for `kubectl apply`: with the Job that makes the first releases."""
    return {**render(configuration), "releases": [errand.first_releases(configuration)]}


def _configuration(found: Configuration) -> Object:
    """The configuration that is in force: what `ops` acts on."""
    tags, namespace = labels(CONFIGURATION, "configuration"), found.kubernetes.namespace
    return an_object("v1", "ConfigMap", CONFIGURATION, namespace, tags, data={CONFIGURATION_KEY: found.text})
