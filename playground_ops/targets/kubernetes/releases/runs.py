"""Runs: what the releases give to their pods, and which runs have lost their server."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from playground_ops.config import Configuration
from playground_ops.core.clock import moment
from playground_ops.core.errors import Finding, PlaygroundError, certain, transient
from playground_ops.core.pod import Pod
from playground_ops.render.names import GRPC_PORT, INSTANCE, location_service, release_service
from playground_ops.render.release import SERVER
from playground_ops.render.runs import CONTEXT, POD_LAUNCHER
from playground_ops.targets.common import runs_in_flight
from playground_ops.targets.common.instance import InFlight
from playground_ops.targets.common.server_protocol import Address
from playground_ops.targets.common.webserver import Webserver
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import collection, path_of
from playground_ops.targets.kubernetes.releases.deployments import OF_LOCATIONS, Releases, variable_of
from playground_ops.targets.kubernetes.releases.records import Records

LAUNCHER = "run_launcher"
IN_PODS = (POD_LAUNCHER, "K8sRunLauncher")
"""Classes of launchers whose runs are pods: this version's, and that of earlier ones."""


def contexts(connection: Connection, configuration: Configuration) -> tuple[str, ...]:
    """Return the contexts of all releases; none in `ops`, which writes no policy. Raises Refusal."""
    if connection.is_ops or not configuration.runs_in_pods:
        return ()
    folder = collection("apps/v1", "Deployment", configuration.kubernetes.namespace)
    found = connection.request("GET", folder, query={"labelSelector": OF_LOCATIONS})["items"]
    told = (variable_of(one, CONTEXT) for one in found)
    return tuple(sorted({text for text in told if text and _is_whole(text)}))


def _is_whole(text: str) -> bool:
    """Return whether the context can be read; somebody may have edited it."""
    try:
        return bool(json.loads(text)["k8s"]["run_k8s_config"]["pod_template_spec_metadata"]["labels"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def launcher_may_change(connection: Connection, configuration: Configuration) -> None:
    """Raises PlaygroundError if the run launcher changes in `ops`, or while runs it knows are active."""
    where = path_of("v1", "ConfigMap", INSTANCE, configuration.kubernetes.namespace)
    found = connection.get(where)
    if found is None:
        return
    now = (yaml.safe_load(found.get("data", {}).get("dagster.yaml", "")) or {}).get(LAUNCHER) or {}
    if (now.get("class") in IN_PODS) is configuration.runs_in_pods:
        return
    if connection.is_ops:
        raise PlaygroundError(_not_from_inside())
    if configuration.postgres.external is None:
        # Imported here alone: it is not in the archive.
        from playground_ops.targets.kubernetes.outside import postgres

        place = postgres.find(connection, configuration, "")
        if runs := postgres.active_runs(connection, place):
            raise PlaygroundError(_under_way(", ".join(map(str, runs[:10])), len(runs)))


def _not_from_inside() -> Finding:
    return certain(
        object=f"configuration/{LAUNCHER}",
        observed="Runs are to be launched by another launcher than until now.",
        cause="Webserver and daemon get accounts or lose them with it, which `ops` has no right to change.",
        fix="Run `python -m playground_ops deploy` from the stack's folder.",
    )


def _under_way(named: str, count: int) -> Finding:
    return transient(
        object=f"configuration/{LAUNCHER}",
        observed=f"Runs are to be launched by another launcher, and {count} are under way: {named}.",
        cause="It would take them for lost, and could not terminate them.",
        fix="Wait for them, or terminate them in the UI; then deploy again. Queued runs are no matter.",
    )


Pods = Mapping[int, Sequence[Pod]]


def fail_lost(
    releases: Releases, records: Records, home: Path, webserver: Webserver, location: str
) -> Sequence[str]:
    """Mark failed the runs whose container is gone, also if the kubelet restarted it. Returns sentences."""
    pods = releases.pods_by_number(location)

    def why(run: InFlight) -> str | None:
        number = _number(run.server, location)
        if number is not None:
            mine = {number: pods.get(number, ())}
            return (
                None
                if _may_be_in(mine, run)
                else runs_in_flight.ended(location, number, records.all(location))
            )
        if _name(run.server) != location_service(location) or _may_be_in(pods, run):
            return None
        return f"The server of {location} ended while this run was under way, and the run with it."

    addresses = [f"{pod.address}:{GRPC_PORT}" for pod in _running(pods)]
    return runs_in_flight.fail_lost(webserver, location, addresses, home, why)


def _name(server: Address) -> str:
    """Return the name of the server's Service, which may be in another namespace."""
    return server.host.partition(".")[0]


def _number(server: Address, location: str) -> int | None:
    """Return the number of the release whose own address this is."""
    found = _name(server).removeprefix(release_service(location, 0)[:-1])
    return int(found) if found.isdigit() else None


def _running(pods: Pods) -> list[Pod]:
    return [pod for found in pods.values() for pod in found if _since(pod) is not None]


def _may_be_in(pods: Pods, run: InFlight) -> bool:
    return any((_since(pod) or run.started + 1) <= run.started for pod in _running(pods))


def _since(pod: Pod) -> float | None:
    """Return when the server's running container was started, in seconds since 1970."""
    began = pod.container(SERVER).running_since
    return moment(began).timestamp() if began else None
