"""Reading the state of a stack through its Target."""

from __future__ import annotations

from playground_ops.config import Configuration
from playground_ops.status import StackStatus, location_status
from playground_ops.targets.base import Target


def look(target: Target, configuration: Configuration) -> StackStatus:
    """Every component and location there is, configured or not. Writes nothing."""
    components = tuple(target.stack.component_status())
    servers = {found.name: found for found in components if found.kind == "location"}
    configured = [location.name for location in configuration.all_locations]
    names = [*configured, *(name for name in servers if name not in configured)]
    return StackStatus(
        ui=target.stack.ui_address(),
        target=target.name,
        components=tuple(found for found in components if found.kind != "location"),
        locations=tuple(
            location_status(
                name,
                target.releases(name),
                next(iter(reversed(target.records(name))), None),
                servers.get(name),
            )
            for name in names
        ),
    )
