"""Automation on or off for one location, kept over its rollouts: what was stopped is in a ConfigMap.

Off: everything that would tick by itself is stopped before the location can tick, once. What a
person then starts in the UI stays started. On again: what was stopped here is given back to the
code's own default.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playground_ops.model import LoadedCode, Release
from playground_ops.render.names import LOCATION, ROLLOUT_MANAGER, an_object, labels
from playground_ops.targets.address import Address
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import path
from playground_ops.targets.kubernetes.releases.deployments import APPLY

KEY = "stopped.json"


def apply(
    connection: Connection,
    namespace: str,
    home: Path,
    release: Release,
    address: Address,
    loaded: LoadedCode,
) -> Sequence[str]:
    """What was stopped or given back now, one readable name each."""
    name = release.location.name
    place = _place(namespace, name)
    known = _stopped_before(connection.get(path(place)))
    if release.location.automation == "on" and not known:
        return []
    from playground_ops.targets import instance

    if release.location.automation == "off":
        now = instance.stop_automations(home, name, address, loaded, known)
        if now != known:
            _keep(connection, {**place, "data": {KEY: json.dumps(now)}})
        return [f"{found} is stopped" for found in now if found not in known]
    instance.release_automations(home, name, address, loaded, known)
    _keep(connection, {**place, "data": {KEY: "[]"}})
    return [f"{found} is as the code says again" for found in known]


def _place(namespace: str, location: str) -> dict[str, Any]:
    name = f"dagster-automation-{location}"
    return an_object("v1", "ConfigMap", name, namespace, {**labels(name, "automation"), LOCATION: location})


def _keep(connection: Connection, wanted: dict[str, Any]) -> None:
    query = {"fieldManager": ROLLOUT_MANAGER, "force": "true"}
    connection.request("PATCH", path(wanted), wanted, APPLY, query)


def _stopped_before(found: dict[str, Any] | None) -> list[str]:
    try:
        return [str(name) for name in json.loads((found or {}).get("data", {}).get(KEY, "[]"))]
    except (ValueError, TypeError):
        return []  # somebody edited it: what runs by default is stopped once more
