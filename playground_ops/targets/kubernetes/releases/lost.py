"""Which server containers are old enough to have a run, and which runs have none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from playground_ops.moments import moment
from playground_ops.render.names import GRPC_PORT, location_service, release_service
from playground_ops.render.release import SERVER
from playground_ops.targets import lostruns
from playground_ops.targets.address import Address
from playground_ops.targets.instance import InFlight
from playground_ops.targets.kubernetes.releases.deployments import Releases
from playground_ops.targets.kubernetes.releases.records import Records
from playground_ops.targets.webserver import Webserver

Pods = Mapping[int, Sequence[Mapping[str, Any]]]


def fail(
    releases: Releases, records: Records, home: Path, webserver: Webserver, location: str
) -> Sequence[str]:
    """Runs that a container had which is gone; also where the kubelet started another one in its place."""
    pods = releases.pods_by_number(location)

    def why(run: InFlight) -> str | None:
        number = _number(run.server, location)
        if number is not None:
            mine = {number: pods.get(number, ())}
            return None if _may_be_in(mine, run) else lostruns.ended(location, number, records.all(location))
        if _name(run.server) != location_service(location) or _may_be_in(pods, run):
            return None
        return f"The server of {location} ended while this run was under way, and the run with it."

    addresses = [f"{pod['status']['podIP']}:{GRPC_PORT}" for pod in _running(pods)]
    return lostruns.fail(webserver, location, addresses, home, why)


def _name(server: Address) -> str:
    """Of its Service, which may be of another namespace."""
    return server.host.partition(".")[0]


def _number(server: Address, location: str) -> int | None:
    """Of the release whose own address it is."""
    found = _name(server).removeprefix(release_service(location, 0)[:-1])
    return int(found) if found.isdigit() else None


def _running(pods: Pods) -> list[Mapping[str, Any]]:
    return [pod for found in pods.values() for pod in found if _since(pod) is not None]


def _may_be_in(pods: Pods, run: InFlight) -> bool:
    return any((_since(pod) or run.started + 1) <= run.started for pod in _running(pods))


def _since(pod: Mapping[str, Any]) -> float | None:
    """When the server's container that runs now was started; seconds since 1970."""
    for one in pod.get("status", {}).get("containerStatuses", ()):
        if one["name"] == SERVER and (running := one.get("state", {}).get("running")):
            return moment(running["startedAt"]).timestamp()
    return None
