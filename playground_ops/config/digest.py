"""A short name for "configured alike"."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from playground_ops.model import Location

if TYPE_CHECKING:
    from playground_ops.config.configuration import Configuration

_NOT_A_NEW_RELEASE = {
    "allowed_refs",
    "approval",
    "approval_timeout_seconds",
    "egress",
    "follow",
    "follow_interval_seconds",
    "isolation",
    "longest_run_seconds",
    "smoke_timeout_seconds",
}
"""Settings that neither the server nor its code sees; what pods see of isolation is in `surroundings`."""
_NOT_OF_THE_POD = {"service_annotations", "disruption_budget"}
"""Settings of what is beside a pod."""
_LATER = {"pod", "git_secret", "surroundings", "in_image", "must_keep"}
"""Where they are not given, a location is configured as before there were such settings."""


def digest(location: Location) -> str:
    """16 hexadecimal digits; the same for two locations whose releases would be configured alike."""
    fields = location.model_dump(mode="json", exclude=_NOT_A_NEW_RELEASE)
    fields["pod"] = (
        location.pod.model_dump(mode="json", exclude_defaults=True, exclude=_NOT_OF_THE_POD) or None
    )
    fields = {key: value for key, value in fields.items() if key not in _LATER or value}
    fields["environment"] = sorted(fields["environment"].items())
    text = "\n".join(f"{key}={fields[key]!r}" for key in sorted(fields))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def seen_by_ops(configuration: Configuration) -> str:
    """What the definitions of `ops` are made from: assets, checks, sensors and the schedule."""
    followed = [
        (one.name, one.follow and (one.repository, one.git_secret, one.ref, one.follow_interval_seconds))
        for one in configuration.locations
    ]
    seen: list[object] = [followed, configuration.health.interval_minutes]
    if configuration.ops.repository:
        # A commit that was refused for what these lack is tried again when they have it.
        seen.append(configuration.allowed)
    return json.dumps(seen, sort_keys=True)


def with_what_ops_sees(configuration: Configuration) -> Configuration:
    """So that `ops` gets a new release when its definitions would be others, where it has no pod.

    In a cluster that is a part of what its pod would be (render/surroundings.py).
    """
    text = seen_by_ops(configuration)
    surroundings = hashlib.sha256(text.encode()).hexdigest()[:16]
    ops = configuration.ops.model_copy(update={"surroundings": surroundings})
    return configuration.model_copy(update={"ops": ops})
