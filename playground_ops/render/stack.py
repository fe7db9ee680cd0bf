"""All objects of a stack, by component and in the order in which they are applied."""

from __future__ import annotations

from playground_ops.config import Configuration
from playground_ops.render import daemon, database, foundation, instance, locations, webserver
from playground_ops.render.names import Object

Rendered = dict[str, list[Object]]
"""Component: its objects."""


def render(configuration: Configuration) -> Rendered:
    """Without Secrets, and without releases, which rollouts make."""
    found: Rendered = {
        "foundation": [foundation.namespace(configuration), *foundation.network_policies(configuration)],
        "postgres": database.render(configuration),
        "instance": instance.render(configuration),
        "workspace": [locations.workspace(configuration)],
        **{
            f"location-{one.name}": [locations.service(configuration, one.name)]
            for one in configuration.all_locations
        },
        "webserver": webserver.render(configuration),
        "daemon": daemon.render(configuration),
    }
    return {component: objects for component, objects in found.items() if objects}
