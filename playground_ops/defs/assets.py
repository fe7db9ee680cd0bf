"""The stack in the asset graph: one external asset per component."""

from collections.abc import Sequence

import dagster as dg

from playground_ops.checks.topic import FOUNDATION
from playground_ops.config import OPS
from playground_ops.core.model import Location
from playground_ops.defs.metadata import page_of

GROUP = "stack"


def key(component: str) -> dg.AssetKey:
    return dg.AssetKey([GROUP, component])


MORE = {
    "postgres": ("postgres", "Dagster's database: runs, events, schedules."),
    FOUNDATION: (
        "",
        "What the stack stands on: a folder and its disk; in a cluster its namespace, rights, policies, "
        "settings and claim.",
    ),
}
"""The other components of a stack: kind and purpose."""


def component_assets(
    locations: Sequence[Location], parts: Sequence[str], in_force: str = ""
) -> list[dg.AssetSpec]:
    """Return the assets. The webserver and the daemon load the locations, which depend on what is upstream.

    `parts`: every component that is checked. `in_force`: which configuration `ops` acts on, and where it is
    from.
    """
    upstream = [key(location.name) for location in locations]
    below = [key(name) for name in MORE if name in parts]
    return [
        *(
            _location(location, below, in_force if location.name == OPS.name else "")
            for location in locations
        ),
        *(
            dg.AssetSpec(key(name), deps=upstream, group_name=GROUP, kinds={"dagster"}, description=about)
            for name, about in (
                ("webserver", "Dagster's UI."),
                ("daemon", "Runs schedules and sensors and starts queued runs."),
            )
        ),
        *(
            dg.AssetSpec(
                key(name), group_name=GROUP, kinds={kind} if kind else set(), description=description
            )
            for name, (kind, description) in MORE.items()
            if name in parts
        ),
    ]


def _location(location: Location, below: Sequence[dg.AssetKey], in_force: str) -> dg.AssetSpec:
    page = page_of(location.repository)
    source = location.repository or "the bootstrap package of this project"
    metadata: dict[str, dg.MetadataValue] = {
        "ref": dg.MetadataValue.text(location.ref or "HEAD"),
        "repository": dg.MetadataValue.url(page) if page else dg.MetadataValue.text(source),
        "automation": dg.MetadataValue.text(location.automation),
        "follow": dg.MetadataValue.bool(location.follow),
    }
    if in_force:
        metadata["configuration in force"] = dg.MetadataValue.text(in_force)
    if location.subdirectory != ".":
        metadata["subdirectory"] = dg.MetadataValue.text(location.subdirectory)
    return dg.AssetSpec(
        key(location.name),
        deps=below,
        group_name=GROUP,
        kinds={"dagster", "git"} if location.repository else {"dagster"},
        description=f"The code location `{location.name}`. A materialization is a release that began to "
        "serve; an observation is a rollout that did not get there, with its cause.",
        metadata=metadata,
    )
