"""The stack in the asset graph: one external asset per component, in a group for each deployment."""

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from playground_ops.checks.topic import FOUNDATION
from playground_ops.config import OPS, Configuration
from playground_ops.core.component import component_of
from playground_ops.core.model import MAIN, Location
from playground_ops.defs.metadata import page_of
from playground_ops.version import __version__

GROUP = "stack"
"""The first part of every key, and the group of the main deployment and of what all have in common."""


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
STANDING = {
    "webserver": "Dagster's UI.",
    "daemon": "Runs schedules and sensors and starts queued runs.",
}


def component_assets(
    configuration: Configuration, parts: Sequence[str], uis: Mapping[str, str], in_force: str = ""
) -> list[dg.AssetSpec]:
    """Return the assets. Webservers and daemons load the locations of their deployment, which are upstream.

    `parts`: every component that is checked. `uis`: the URL of each deployment's UI, where it is known.
    `in_force`: which configuration `ops` acts on, and where it is from.
    """
    below = [key(name) for name in MORE if name in parts]
    of_deployments = [one for view in configuration.views for one in _of_deployment(view, parts, below, uis)]
    shared = [
        dg.AssetSpec(key(name), group_name=GROUP, kinds={kind} if kind else set(), description=description)
        for name, (kind, description) in MORE.items()
        if name in parts
    ]
    return [*(_with_source(one, in_force) for one in of_deployments), *shared]


def _of_deployment(
    view: Configuration, parts: Sequence[str], below: Sequence[dg.AssetKey], uis: Mapping[str, str]
) -> Iterator[dg.AssetSpec]:
    ui = {"UI": dg.MetadataValue.url(uis[view.deployment])} if view.deployment in uis else {}
    group = GROUP if view.deployment == MAIN else view.deployment.replace("-", "_")
    for location in view.all_locations:
        yield _location(location, below).replace_attributes(group_name=group).merge_attributes(metadata=ui)
    upstream = [key(location.name) for location in view.all_locations]
    for kind, about in STANDING.items():
        if (name := component_of(kind, view.deployment)) in parts:
            described = about if view.deployment == MAIN else f"{about} Of the deployment {view.deployment}."
            yield dg.AssetSpec(
                key(name),
                deps=upstream,
                group_name=group,
                kinds={"dagster"},
                description=described,
                metadata=ui,
            )


def _with_source(spec: dg.AssetSpec, in_force: str) -> dg.AssetSpec:
    if spec.key != key(OPS.name) or not in_force:
        return spec
    told = {"configuration in force": in_force, "playground-ops": __version__}
    return spec.merge_attributes(metadata={name: dg.MetadataValue.text(text) for name, text in told.items()})


def _location(location: Location, below: Sequence[dg.AssetKey]) -> dg.AssetSpec:
    page = page_of(location.repository)
    source = location.repository or "the bootstrap package of this project"
    metadata: dict[str, dg.MetadataValue] = {
        "ref": dg.MetadataValue.text(location.ref or "HEAD"),
        "repository": dg.MetadataValue.url(page) if page else dg.MetadataValue.text(source),
        "automation": dg.MetadataValue.text(location.automation),
        "follow": dg.MetadataValue.bool(location.follow),
    }
    if location.deployment != MAIN:
        metadata["deployment"] = dg.MetadataValue.text(location.deployment)
    if location.subdirectory != ".":
        metadata["subdirectory"] = dg.MetadataValue.text(location.subdirectory)
    return dg.AssetSpec(
        key(location.name),
        deps=below,
        kinds={"dagster", "git"} if location.repository else {"dagster"},
        description=f"The code location `{location.name}`. A materialization is a release that began to "
        "serve; an observation is a rollout that did not get there, with its cause.",
        metadata=metadata,
    )
