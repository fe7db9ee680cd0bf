"""A lock per location, as a Lease: it names its holder, is renewed while held, and expires.

Rules: coordination.k8s.io/v1 LeaseSpec. All times are by the API server's clock.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from playground_ops.core.clock import micro_time, moment
from playground_ops.core.errors import Finding, LockHeld, LockLost, PlaygroundError, transient
from playground_ops.render.names import LOCATION, PREFIX, an_object, labels
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import collection, path, path_of
from playground_ops.targets.kubernetes.api.refusals import Refusal

LEASE_SECONDS = 30
RENEW_SECONDS = 5.0
FRESH = timedelta(seconds=1)
HOLDER, SINCE = f"{PREFIX}holder", f"{PREFIX}since"
"""Annotations, for people."""
API = "coordination.k8s.io/v1"


class LeaseLock:
    """One held lease."""

    def __init__(self, connection: Connection, location: str, lease: dict[str, Any]) -> None:
        self._connection, self._location = connection, location
        self._path, self._token = path(lease), str(lease["spec"]["holderIdentity"])
        self._lease, self._seen = lease, connection.now()
        """The Lease as it was written or read last, and when."""
        self._released = threading.Event()
        self._renewer = threading.Thread(target=self._renew, daemon=True, name=f"lease-{location}")
        self._renewer.start()

    def check(self) -> None:
        """Raises LockLost, or PlaygroundError (transient) when the API server does not answer."""
        # Nobody can take a lease that was just renewed: it has LEASE_SECONDS to expire.
        if timedelta(0) <= self._connection.now() - self._seen < FRESH:
            return
        found = self._connection.get(self._path)
        if found is None or _token(found) != self._token:
            raise LockLost(_lost(self._location, found))
        self._lease, self._seen = found, self._connection.now()

    def is_held(self) -> bool:
        """Return whether nobody has taken it over; False where that can't be asked."""
        with suppress(PlaygroundError):
            found = self._connection.get(self._path)
            return found is not None and _token(found) == self._token
        return False

    def release(self) -> None:
        """Give it back. Errors are dropped: it expires anyway, and must not hide the rollout's own error."""
        self._released.set()
        self._renewer.join()
        with suppress(PlaygroundError):
            self._write(holderIdentity="")

    def _renew(self) -> None:
        while not self._released.wait(RENEW_SECONDS):
            with suppress(PlaygroundError):  # the API server may be back the next time
                if not self._write(renewTime=micro_time(self._connection.now())):
                    return

    def _write(self, **fields: str) -> bool:
        """Return whether the lease is still ours. An outdated version is refused, and read again."""
        found: dict[str, Any] | None = self._lease
        while found is not None and _token(found) == self._token:
            try:
                wanted = {**found, "spec": {**found["spec"], **fields}}
                self._lease = self._connection.request("PUT", self._path, wanted)
                self._seen = self._connection.now()
                return True
            except Refusal as refusal:
                if refusal.reason not in ("Conflict", "NotFound"):
                    raise
                found = self._connection.get(self._path)
        return False


@contextmanager
def lease(connection: Connection, namespace: str, location: str, holder: str) -> Iterator[LeaseLock]:
    """Hold the location's Lease. Raises LockHeld, naming the holder, or PlaygroundError."""
    lock = LeaseLock(connection, location, _taken(connection, namespace, location, holder))
    try:
        with connection.insisting():
            yield lock
    finally:
        lock.release()


def holder(connection: Connection, namespace: str, location: str) -> str | None:
    """Return who holds it now, as people know them; None for nobody."""
    found = connection.get(path_of(API, "Lease", name_of(location), namespace))
    return told(found)[0] if found is not None and is_held(found, connection.now()) else None


def name_of(location: str) -> str:
    return f"dagster-rollout-{location}"


def _taken(connection: Connection, namespace: str, location: str, holder: str) -> dict[str, Any]:
    """Take it and return it. A write of an outdated version is refused, so one of two takers loses."""
    mine = _mine(connection, namespace, name_of(location), holder)
    mine["metadata"]["labels"][LOCATION] = location
    found = connection.get(path(mine))
    if found is not None and is_held(found, connection.now()):
        raise LockHeld(_held(location, found))
    try:
        return _written(connection, mine, found)
    except Refusal as refusal:
        if refusal.reason in ("Conflict", "AlreadyExists"):
            raise LockHeld(_held(location, connection.get(path(mine)) or mine)) from refusal
        raise


def taken_over(connection: Connection, namespace: str, name: str, holder: str) -> LeaseLock:
    """Take a Lease whoever holds it: it marks something, and locks nobody out. Raises PlaygroundError."""
    mine = _mine(connection, namespace, name, holder)
    return LeaseLock(connection, name, _written(connection, mine, connection.get(path(mine))))


def _written(connection: Connection, mine: dict[str, Any], found: dict[str, Any] | None) -> dict[str, Any]:
    """Write the Lease in the place of the one that was found. Raises Refusal if that has changed since."""
    spec = mine["spec"]
    spec["acquireTime"] = spec["renewTime"] = micro_time(connection.now())
    if found is None:
        folder = collection(API, "Lease", mine["metadata"]["namespace"])
        return dict(connection.request("POST", folder, mine))
    mine["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"]
    spec["leaseTransitions"] = int(found["spec"].get("leaseTransitions") or 0) + 1
    return dict(connection.request("PUT", path(mine), mine))


def _mine(connection: Connection, namespace: str, name: str, holder: str) -> dict[str, Any]:
    spec = {"holderIdentity": uuid4().hex, "leaseDurationSeconds": LEASE_SECONDS}
    made = an_object(API, "Lease", name, namespace, labels(name, "lock"), spec=spec)
    made["metadata"]["annotations"] = {HOLDER: holder, SINCE: micro_time(connection.now())}
    return made


def _token(found: dict[str, Any]) -> str:
    return str(found.get("spec", {}).get("holderIdentity") or "")


def is_held(found: dict[str, Any], now: datetime) -> bool:
    """Return whether somebody holds the Lease: it names its holder, and was renewed lately."""
    spec = found.get("spec", {})
    if not spec.get("holderIdentity") or not spec.get("renewTime"):
        return False
    renewed = moment(spec["renewTime"])
    return now < renewed + timedelta(seconds=spec.get("leaseDurationSeconds") or LEASE_SECONDS)


def told(found: dict[str, Any]) -> tuple[str, str]:
    """Return who took the Lease, as people know them, and when."""
    notes = found.get("metadata", {}).get("annotations") or {}
    return notes.get(HOLDER, "somebody"), notes.get(SINCE, "some time ago")


def _held(location: str, found: dict[str, Any]) -> Finding:
    holder, since = told(found)
    return transient(
        object=f"lock/{location}",
        observed=f"A rollout of {location} by {holder} is under way since {since}.",
        cause="Only one rollout of a location runs at a time.",
        fix=f"Wait for it (`status` shows it). Were it dead, the lock is free within {LEASE_SECONDS} s.",
    )


def _lost(location: str, found: dict[str, Any] | None) -> Finding:
    who = told(found)[0] if found and _token(found) else "nobody"
    return transient(
        object=f"lock/{location}",
        observed=f"The lock was lost while this rollout was away; it is held by {who} now.",
        cause=f"This process did not run, or did not reach the API server, for {LEASE_SECONDS} s.",
        fix="Nothing was changed since; redeploy if `status` does not show what you want.",
    )
