"""ConfigMaps with the records of rollouts, and with the automation that they stopped.

Turning automation off stops, once, everything that would tick by itself, before the location can tick. What a
person then starts in the UI stays started. Turning it on gives what was stopped back to the code's default.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playground_ops.core.clock import micro_time
from playground_ops.core.loaded import LoadedCode
from playground_ops.core.model import Release, RolloutRecord
from playground_ops.render.names import LOCATION, PREFIX, ROLLOUT_MANAGER, an_object, labels
from playground_ops.targets.common.server_protocol import Address
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import collection, path
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.objects.planning import APPLY

KEPT = 100
"""Records kept for each location; older ones are deleted."""
ORDER = f"{PREFIX}order"
"""Annotation with the time of creation, finer than Kubernetes records it."""
COMPONENT = "record"
OF_ROLLOUTS = f"app.kubernetes.io/component={COMPONENT}"


class Records:
    def __init__(self, connection: Connection, namespace: str) -> None:
        self._connection, self._namespace = connection, namespace
        self._folder = collection("v1", "ConfigMap", namespace)
        self._written: dict[str, dict[str, Any]] = {}
        """The metadata of what was last written here, by a record's id, so that it need not be read."""

    def all(self, location: str) -> Sequence[RolloutRecord]:
        """Return all records, oldest first."""
        return [RolloutRecord.model_validate_json(one["data"]["record.json"]) for one in self._maps(location)]

    def locations(self) -> list[str]:
        """Return the names of the locations that have any, in order."""
        found = self._connection.selected(self._folder, OF_ROLLOUTS, {})["items"]
        return sorted({str(one["metadata"]["labels"][LOCATION]) for one in found})

    def save(self, record: RolloutRecord) -> None:
        """Write it, replacing an earlier state. Raises Refusal, for instance for a record that has ended."""
        made = self._map(record)
        known = self._written.get(record.id)
        try:
            kept = self._write(made, known)
        except Refusal as refusal:
            if refusal.reason not in (("Conflict", "NotFound") if known else ("AlreadyExists",)):
                raise
            found = self._connection.get(path(made))
            kept = self._write(made, found and found["metadata"])
        self._written[record.id] = kept["metadata"]
        if record.outcome is not None:
            self._prune(record.location)

    def _write(self, made: dict[str, Any], before: dict[str, Any] | None) -> dict[str, Any]:
        """Write it. `before`: the metadata of the state to replace; None creates the record."""
        if before is None:
            made["metadata"]["annotations"] = {ORDER: micro_time(self._connection.now())}
            return dict(self._connection.request("POST", self._folder, made))
        made["metadata"]["annotations"] = before.get("annotations", {})
        made["metadata"]["resourceVersion"] = before["resourceVersion"]
        return dict(self._connection.request("PUT", path(made), made))

    def _prune(self, location: str) -> None:
        for old in self._maps(location)[:-KEPT]:
            if old.get("immutable"):
                self._connection.request("DELETE", path({**old, "apiVersion": "v1", "kind": "ConfigMap"}))

    def _maps(self, location: str) -> list[dict[str, Any]]:
        found = self._connection.selected(self._folder, OF_ROLLOUTS, {LOCATION: location})["items"]
        return sorted(found, key=lambda one: one["metadata"].get("annotations", {}).get(ORDER, ""))

    def _map(self, record: RolloutRecord) -> dict[str, Any]:
        name = f"dagster-rollout-{record.location}-{record.id[:12]}"
        tags = {**labels(name, COMPONENT), LOCATION: record.location}
        ended = {"immutable": True} if record.outcome is not None else {}
        data = {**_plain(record), "record.json": record.model_dump_json(exclude_defaults=True)}
        return an_object("v1", "ConfigMap", name, self._namespace, tags, data=data, **ended)


def _plain(record: RolloutRecord) -> dict[str, str]:
    """Return readable fields for people who use kubectl."""
    found = {
        "action": record.action,
        "by": record.by,
        "started": record.started_at,
        "ended": record.ended_at,
        "outcome": record.outcome.value if record.outcome else f"under way: {record.phase.value}",
        "release": str(record.release.number) if record.release else None,
        "commit": record.revision.commit if record.revision else None,
        "finding": record.finding.sentence() if record.finding else None,
    }
    return {key: value for key, value in found.items() if value}


KEY = "stopped.json"


@dataclass(frozen=True)
class StoppedAutomation:
    """The stopped schedules and sensors, kept in one ConfigMap per location."""

    connection: Connection
    namespace: str
    home: Path

    def apply(self, release: Release, address: Address, loaded: LoadedCode) -> Sequence[str]:
        """Set the automation as the location says. Returns a sentence for each change."""
        name = release.location.name
        known = self._known(name)
        if release.location.automation == "on" and not known:
            return []
        from playground_ops.targets.common import instance

        if release.location.automation == "off":
            now = instance.stop_automations(self.home, name, address, loaded, known)
            if now != known:
                self._keep(name, now)
            return [f"{found} is stopped" for found in now if found not in known]
        instance.release_automations(self.home, name, address, loaded, known)
        self._keep(name, [])
        return [f"{found} is as the code says again" for found in known]

    def _map(self, location: str, **body: Any) -> dict[str, Any]:
        name = f"dagster-automation-{location}"
        tags = {**labels(name, "automation"), LOCATION: location}
        return an_object("v1", "ConfigMap", name, self.namespace, tags, **body)

    def _known(self, location: str) -> list[str]:
        found = self.connection.get(path(self._map(location))) or {}
        try:
            return [str(name) for name in json.loads(found.get("data", {}).get(KEY, "[]"))]
        except (ValueError, TypeError):
            return []  # somebody edited it: what runs by default is stopped again

    def _keep(self, location: str, stopped: Sequence[str]) -> None:
        wanted = self._map(location, data={KEY: json.dumps(stopped)})
        query = {"fieldManager": ROLLOUT_MANAGER, "force": "true"}
        self.connection.request("PATCH", path(wanted), wanted, APPLY, query)
