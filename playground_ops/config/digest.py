"""Tells whether two locations are configured alike: a digest, and the settings that a plan shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from playground_ops.core.component import Component
from playground_ops.core.model import MAIN, Location, Release, Revision

if TYPE_CHECKING:
    from playground_ops.config.configuration import Configuration


NOT_A_NEW_RELEASE = {
    "allowed_refs",
    "approval",
    "approval_timeout_seconds",
    "egress",
    "environment_files",
    "follow",
    "follow_interval_seconds",
    "isolation",
    "longest_run_seconds",
    "prepare_timeout_seconds",
    "room",
    "shared_assets",
    "smoke_timeout_seconds",
}
"""Settings that do not affect the server or its code; isolation affects pods by way of `surroundings`, and of
environment files the content counts."""
_NOT_OF_THE_POD = {"service_annotations", "disruption_budget"}
"""Settings of objects other than the pod."""
_LATER = {
    *("attribute", "pod", "git_secret", "surroundings", "in_image", "must_keep"),
    *("dependencies_from", "extras", "groups", "environment_content", "reads"),
}
"""Settings of later versions: where they are not given, the digest is as before they existed."""


def digest(location: Location) -> str:
    """Return 16 hexadecimal digits, equal for locations whose releases would be configured alike."""
    fields = location.model_dump(mode="json", exclude=NOT_A_NEW_RELEASE)
    fields["pod"] = (
        location.pod.model_dump(mode="json", exclude_defaults=True, exclude=_NOT_OF_THE_POD) or None
    )
    fields = {key: value for key, value in fields.items() if key not in _LATER or value}
    if location.deployment == MAIN:
        del fields["deployment"]
    if location.prepare is None:  # an empty list turns off what would run without being configured
        del fields["prepare"]
    fields["environment"] = sorted(fields["environment"].items())
    text = "\n".join(f"{key}={fields[key]!r}" for key in sorted(fields))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def seen_by_ops(configuration: Configuration, allowed: Mapping[str, Sequence[str]] | None = None) -> str:
    """Return what the definitions of `ops` (assets, checks, sensors, schedule) are made from."""
    followed = [
        (one.name, one.follow and (one.repository, one.git_secret, one.ref, one.follow_interval_seconds))
        for one in configuration.locations
    ]
    seen: list[object] = [followed, configuration.health.interval_minutes]
    if configuration.deployments:
        beside = [(one.name, one.has_daemon) for one in configuration.deployments]
        seen.append([beside, [one.deployment for one in configuration.locations]])
    if configuration.ops.repository:
        # A commit that was refused because the lists lack something is tried again when they change.
        seen.append(allowed or {})
    return json.dumps(seen, sort_keys=True)


def with_what_ops_sees(configuration: Configuration) -> Configuration:
    """Give `ops` a new release when its definitions change (in a cluster, render/pod_fingerprint.py does)."""
    text = seen_by_ops(configuration)
    surroundings = hashlib.sha256(text.encode()).hexdigest()[:16]
    ops = configuration.ops.model_copy(update={"surroundings": surroundings})
    return configuration.model_copy(update={"ops": ops})


CONFIRMED = "confirmed"


def location_component(release: Release, process: str, rollout: str) -> Component:
    """Make the component. `process`: its server's state; `rollout`: whether its rollout has ended."""
    settings = location_settings(release.location, _code_of(release))
    return Component(
        name=release.location.name,
        kind="location",
        settings={**settings, "configuration": release.configuration, "process": process, "rollout": rollout},
    )


def desired_settings(location: Location, pinned: Revision | None, serving: Release | None) -> dict[str, str]:
    """Return the settings that a location is to have; `serving` is the release that serves it.

    One without a repository serves what was promoted to it for as long as it is configured as it was then.
    """
    if serving is None or not _is_promoted(location, serving):
        return location_settings(location, pinned)
    return {**location_settings(serving.location, _code_of(serving)), "configuration": serving.configuration}


def _is_promoted(location: Location, serving: Release) -> bool:
    other = (serving.location.repository, serving.location.in_image)
    kept = serving.configuration == digest(location)
    return location.repository is None and kept and other != (None, location.in_image)


def _code_of(release: Release) -> Revision | None:
    return release.revision if release.revision.repository is None else None


def location_settings(location: Location, pinned: Revision | None) -> dict[str, str]:
    """Return readable settings; values of the environment are not shown, but change the digest."""
    image = location.in_image
    return {
        "repository": location.repository or (image.image if image else "the bootstrap package"),
        "ref": location.ref or "HEAD",
        "subdirectory": location.subdirectory,
        "module": location.module or "as the project says",
        "dependencies": location.dependencies.value,
        "automation": location.automation,
        "environment": ", ".join(sorted(location.environment)),
        "startup_timeout_seconds": str(location.startup_timeout_seconds),
        "configuration": digest(location),
        **({"attribute": location.attribute} if location.attribute else {}),
        **({"dependencies_from": location.dependencies_from} if location.dependencies_from else {}),
        **({"extras": ", ".join(location.extras)} if location.extras else {}),
        **({"groups": ", ".join(location.groups)} if location.groups else {}),
        **({"git_secret": location.git_secret} if location.git_secret else {}),
        **({"surroundings": location.surroundings} if location.surroundings else {}),
        **({"code": pinned.commit} if pinned else {}),
    }
