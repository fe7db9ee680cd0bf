"""All objects of a stack, by component and in the order in which they are applied."""

from __future__ import annotations

from playground_ops.config import Configuration
from playground_ops.render import (
    admission,
    allowed,
    budgets,
    daemon,
    database,
    egress,
    errand,
    foundation,
    instance,
    isolation,
    locations,
    run_admission,
    run_rights,
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
            *foundation.namespaces(configuration),
            *foundation.rights(configuration),
            *run_rights.render(configuration),
            *admission.render(configuration),
            *run_admission.render(configuration),
            *foundation.network_policies(configuration),
            *isolation.render(configuration),
            *egress.policies(configuration),
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
    """What `ops` acts on, unless it comes from git with a configuration of its own; and what it may use."""
    tags, namespace = labels(CONFIGURATION, "configuration"), found.kubernetes.namespace
    data = {CONFIGURATION_KEY: found.text}
    if found.ops.repository and found.kubernetes.admission_policy:
        data[allowed.KEY] = allowed.text(found)
    return an_object("v1", "ConfigMap", CONFIGURATION, namespace, tags, data=data)
