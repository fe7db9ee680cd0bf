"""Reading the state of a stack through its Target."""

from __future__ import annotations

from playground_ops import decisions
from playground_ops.config import OPS, Configuration
from playground_ops.model import LiveRelease
from playground_ops.render.names import CONFIGURATION, CONFIGURATION_KEY
from playground_ops.status import StackStatus, location_status
from playground_ops.targets.base import Target


def look(target: Target, configuration: Configuration) -> StackStatus:
    """Every component and location there is, configured or not. Writes nothing."""
    target = target.snapshot()
    components = tuple(target.stack.component_status())
    servers = {found.name: found for found in components if found.kind == "location"}
    configured = [location.name for location in configuration.all_locations]
    names = [*configured, *(name for name in servers if name not in configured)]
    releases = {name: target.releases(name) for name in names}
    return StackStatus(
        ui=target.stack.ui_address(),
        target=target.name,
        configuration=_in_force(target, configuration, decisions.serving(releases[OPS.name])),
        components=tuple(found for found in components if found.kind != "location"),
        locations=tuple(
            location_status(
                name,
                releases[name],
                next(iter(reversed(target.records(name))), None),
                servers.get(name),
            )
            for name in names
        ),
    )


def _in_force(target: Target, configuration: Configuration, ops: LiveRelease | None) -> str:
    if target.name == "local":
        return configuration.source
    if configuration.ops.repository and ops and ops.release.revision.repository:
        revision = ops.release.revision
        return (
            f"{CONFIGURATION_KEY} of commit {revision.short} ({revision.ref or 'HEAD'}) of "
            f"{revision.repository}, with ops release {ops.release.number}"
        )
    return f"ConfigMap {CONFIGURATION}, as deployed"
