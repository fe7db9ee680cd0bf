"""Which pods a person means by the name of a component, a location, or one release of it."""

from __future__ import annotations

import re

from playground_ops.config import Configuration
from playground_ops.errors import BadInput, Finding, FindingKind
from playground_ops.render.names import RELEASE, STANDING, location_service
from playground_ops.render.runs import RUN_ID

SECOND = "webserver-read-only"


def selector_of(configuration: Configuration, component: str) -> str:
    """Of a component's pods: of a location those of all its releases. Raises BadInput."""
    locations = [location.name for location in configuration.all_locations]
    standing = [name for name in STANDING if name != SECOND or configuration.webserver.read_only]
    if component in standing:
        return f"app={STANDING[component]}"
    if component in locations:
        return f"app={location_service(component)}"
    release = re.fullmatch(r"(.+)-(\d+)", component)
    if release and release[1] in locations:
        return f"app={location_service(release[1])},{RELEASE}={release[2]}"
    if re.fullmatch(r"[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}", component):
        return f"{RUN_ID}={component}"
    raise BadInput(_no_such_component(component, [*standing, *locations]))


def namespace_of(configuration: Configuration, selector: str) -> str:
    """Of the pods that labels choose: an isolated location's, where they name its `app`."""
    apps = re.findall(r"(?:^|,)\s*app\s*==?\s*([^,\s]+)", selector)
    names = [one.name for one in configuration.isolated if location_service(one.name) in apps]
    return configuration.namespace_of(names[0]) if names else configuration.kubernetes.namespace


def _no_such_component(component: str, known: list[str]) -> Finding:
    return Finding(
        kind=FindingKind.CERTAIN,
        object=f"component/{component}",
        observed="There is no such component.",
        cause=f"There are: {', '.join(known)}; and releases, such as {known[-1]}-1.",
        fix="Name one of these, the whole id of a run that is in a pod of its own, or pods by -l.",
    )
