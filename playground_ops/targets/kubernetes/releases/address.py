"""A location's address: a Service whose selector chooses the serving release. Patching it is the switch."""

from collections.abc import Mapping
from typing import Any

from playground_ops.core.errors import Finding, LockLost, certain
from playground_ops.render.names import RELEASE, ROLLOUT_MANAGER, location_service
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import path, path_of
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.objects.planning import APPLY

NOBODY = "none"
"""The selector's release where the location's address leads nowhere."""
ATTEMPTS = 5


class LocationAddress:
    def __init__(self, connection: Connection, namespace: str) -> None:
        self._connection, self._namespace = connection, namespace
        self._seen: dict[str, dict[str, Any] | None] = {}
        """Each location's Service as it was last read here."""

    def through(self, connection: Connection) -> "LocationAddress":
        """Return a copy with another connection; both share what they know of where addresses led."""
        other = LocationAddress(connection, self._namespace)
        other._seen = self._seen
        return other

    def exists(self, location: str) -> bool:
        return self._service(location) is not None

    def serving(self, location: str) -> int | None:
        """Return the number of the release that the location's address leads to."""
        self._seen[location] = self._service(location)
        return _chosen(self._seen[location])

    def lead_to(self, location: str, number: int | None) -> str:
        """Switch by one patch of one field, with a field manager of its own. Returns the cluster IP.

        Raises LockLost when somebody moved the address since it was read: nobody's change is undone.
        """
        seen = self._seen.get(location) or self._service(location)
        attempts, service = ATTEMPTS, seen
        while True:
            try:
                return self._lead_to(location, number, service)
            except Refusal as refusal:
                attempts -= 1
                if refusal.reason not in ("Conflict", "NotFound") or not attempts:
                    raise
            service = self._service(location)
            if _chosen(service) not in (number, _chosen(seen)):
                raise LockLost(_moved(location, _chosen(seen), _chosen(service)))

    def _lead_to(self, location: str, number: int | None, service: dict[str, Any] | None) -> str:
        """Patch the Service; the API server answers with a conflict when it has changed meanwhile."""
        name = location_service(location)
        selector = {"app": name, RELEASE: NOBODY if number is None else str(number)}
        wanted: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": self._namespace},
            "spec": {"selector": selector},
        }
        if service is not None:
            wanted["metadata"]["resourceVersion"] = service["metadata"]["resourceVersion"]
        query = {"fieldManager": ROLLOUT_MANAGER, "force": "true"}
        patched = self._connection.request("PATCH", path(wanted), wanted, APPLY, query)
        self._seen[location] = patched
        return str(patched["spec"]["clusterIP"])

    def _service(self, location: str) -> dict[str, Any] | None:
        where = path_of("v1", "Service", location_service(location), self._namespace)
        found: dict[str, Any] | None = self._connection.get(where)
        return found


def _chosen(service: Mapping[str, Any] | None) -> int | None:
    """Return the number of the release that the Service selects."""
    found = ((service or {}).get("spec", {}).get("selector") or {}).get(RELEASE, NOBODY)
    return int(found) if str(found).isdigit() else None


def _moved(location: str, before: int | None, now: int | None) -> Finding:
    return certain(
        object=f"service/{location_service(location)}",
        observed=f"It led to release {before} when this rollout looked at it, and leads to {now} now.",
        cause="Somebody changed its selector, or a rollout went on after its lock had expired.",
        fix=f"Look at `history {location}` and at who may edit Services; then redeploy.",
        whose="surroundings",
    )
