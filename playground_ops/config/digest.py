"""A short name for "configured alike"."""

from __future__ import annotations

import hashlib

from playground_ops.model import Location

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
