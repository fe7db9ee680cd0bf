"""Every request to the API server: how many, of what kind, by whom, and which ones it refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.cluster.cluster import Cluster

FORBIDDEN = 403
POD = "authentication.kubernetes.io/pod-name"


@dataclass(frozen=True)
class Call:
    user: str
    verb: str
    """The verb as in a Role: get, list, watch, create, update, patch, delete."""
    resource: str
    """The resource with its subresource: `pods/log`."""
    namespace: str
    name: str
    code: int
    agent: str
    dry_run: bool
    pod: str
    """The pod that asked, by its account's token; empty for a person."""

    @property
    def denied(self) -> bool:
        return self.code == FORBIDDEN

    def __str__(self) -> str:
        return f"{self.user} {self.verb} {self.namespace}/{self.resource}/{self.name}: {self.code}"


@dataclass
class Calls:
    """The calls; filled when the `with` block ends."""

    all: list[Call] = field(default_factory=list)

    @property
    def writes(self) -> list[Call]:
        """Return the calls that changed something, or were meant to."""
        return [call for call in self.all if call.verb not in ("get", "list", "watch") and not call.dry_run]

    @property
    def denied(self) -> list[Call]:
        return [call for call in self.all if call.denied]


@contextmanager
def recorded(cluster: Cluster, user: str = "", namespace: str = "", agent: str = "") -> Iterator[Calls]:
    """Yield the calls answered within the block, of one user, namespace or program where these are given.

    A service account's user is `system:serviceaccount:NAMESPACE:NAME`. A watch counts when it ends.
    """
    log = cluster.control_plane.audit_log
    start = log.stat().st_size
    calls = Calls()
    yield calls
    with log.open() as file:
        file.seek(start)
        found = [
            _call(json.loads(line)) for line in file if line.endswith("\n") and '"ResponseComplete"' in line
        ]
    calls.all = [
        call
        for call in found
        if user in ("", call.user) and namespace in ("", call.namespace) and call.agent.startswith(agent)
    ]


def _call(event: dict[str, Any]) -> Call:
    target: dict[str, str] = event.get("objectRef") or {}
    user: dict[str, str] = event.get("impersonatedUser") or event["user"]
    status: dict[str, int] = event["responseStatus"]
    below = target.get("subresource")
    return Call(
        user=user["username"],
        verb=str(event["verb"]),
        resource=target.get("resource", "") + (f"/{below}" if below else ""),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=status["code"],
        agent=str(event.get("userAgent", "")),
        dry_run="dryRun=All" in str(event.get("requestURI", "")),
        pod=next(iter(event["user"].get("extra", {}).get(POD, ())), ""),
    )
