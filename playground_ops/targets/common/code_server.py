"""What a code server loaded, read with Dagster's own client.

The one file that uses Dagster's private gRPC client and its types.

Fields that only change the UI (descriptions, metadata) are left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from playground_ops.core.errors import Finding, RolloutFailed, certain
from playground_ops.core.loaded import Automation, Defined, LoadedCode
from playground_ops.core.model import DefinedKind, Release
from playground_ops.core.redact import redact
from playground_ops.targets.common.server_protocol import Address

if TYPE_CHECKING:
    from dagster._core.remote_origin import GrpcServerCodeLocationOrigin
    from dagster._grpc.types import ListRepositoriesResponse


def origin_of(location: str, address: Address) -> GrpcServerCodeLocationOrigin:
    """Return the origin that the workspace gives a location, which identifies its schedules and sensors."""
    from dagster._core.remote_origin import GrpcServerCodeLocationOrigin

    return GrpcServerCodeLocationOrigin(
        host=address.host, port=address.port, socket=address.socket, location_name=location
    )


def import_client() -> None:
    """Import what `inspect` needs beforehand, so that it need not wait for that."""
    import dagster._core.remote_representation.external_data
    import dagster._grpc.client  # noqa: F401


def inspect(release: Release, address: Address, server_id: str) -> LoadedCode:
    """Ask a server what it loaded. Raises RolloutFailed when it answers with an error or loaded nothing."""
    from dagster._grpc.client import DagsterGrpcClient

    client = DagsterGrpcClient(host=address.host, port=address.port, socket=address.socket)
    listed = _list(client, release)
    assets: set[str] = set()
    automations: list[Automation] = []
    found: list[Defined] = []
    for symbol in listed.repository_symbols:
        snapshot = _snapshot(client, release, address, symbol.repository_name)
        assets.update(node.asset_key.to_user_string() for node in _executable(snapshot))
        automations.extend(_automations(symbol.repository_name, snapshot))
        found.extend(defined(snapshot))
    pointers = listed.repository_code_pointer_dict.values()
    directories = {str(getattr(pointer, "working_directory", None) or "") for pointer in pointers}
    return LoadedCode(
        server_id=server_id,
        working_directories=tuple(sorted(directories)),
        repositories=tuple(sorted(symbol.repository_name for symbol in listed.repository_symbols)),
        asset_keys=tuple(sorted(assets)),
        automations=tuple(automations),
        defined=tuple(found),
        dagster_version=(listed.dagster_library_versions or {}).get("dagster", ""),
    )


def _list(client: Any, release: Release) -> ListRepositoriesResponse:
    from dagster._grpc.types import ListRepositoriesResponse

    answer: ListRepositoriesResponse = _deserialized(
        client.list_repositories(), ListRepositoriesResponse, release
    )
    if not answer.repository_symbols:
        raise RolloutFailed(_nothing_loaded(release))
    return answer


def _snapshot(client: Any, release: Release, address: Address, repository: str) -> Any:
    from dagster._core.remote_origin import RemoteRepositoryOrigin
    from dagster._core.remote_representation.external_data import RepositorySnap

    origin = RemoteRepositoryOrigin(
        code_location_origin=origin_of(release.location.name, address), repository_name=repository
    )
    return _deserialized(client.external_repository(origin, defer_snapshots=True), RepositorySnap, release)


def _deserialized(answer: str, kind: type, release: Release) -> Any:
    """Return the value that a server answered with. Raises RolloutFailed where that is an error."""
    from dagster._serdes import deserialize_value
    from dagster_shared.error import SerializableErrorInfo

    found = deserialize_value(answer, (kind, SerializableErrorInfo))
    if isinstance(found, SerializableErrorInfo):
        raise RolloutFailed(_refused(release, found.to_string()))
    return found


def _automations(repository: str, snapshot: Any) -> list[Automation]:
    from dagster import DefaultScheduleStatus, DefaultSensorStatus

    schedules = [
        Automation(
            repository=repository,
            name=schedule.name,
            kind="schedule",
            runs_by_default=schedule.default_status is DefaultScheduleStatus.RUNNING,
            cron=_texts(schedule.cron_schedule),
        )
        for schedule in snapshot.schedules
    ]
    sensors = [
        Automation(
            repository=repository,
            name=sensor.name,
            kind="sensor",
            runs_by_default=sensor.default_status is DefaultSensorStatus.RUNNING,
            interval_seconds=sensor.min_interval,
            sensor_type=sensor.sensor_type.value if sensor.sensor_type else None,
        )
        for sensor in snapshot.sensors
    ]
    return [*schedules, *sensors]


def _texts(cron: str | Sequence[str]) -> tuple[str, ...]:
    return (cron,) if isinstance(cron, str) else tuple(cron)


def _executable(snapshot: Any) -> list[Any]:
    """Leave out external assets, which a location only mentions: two may mention the same one."""
    return [node for node in snapshot.asset_nodes if node.execution_type.value != "UNEXECUTABLE"]


def _refused(release: Release, text: str) -> Finding:
    return certain(
        object=f"release/{release.name}",
        observed="The server answers, and says that its definitions can't be loaded.",
        cause="An error in the definitions; the text below is the server's own.",
        fix="Mend the definitions and redeploy.",
        evidence=redact(text[-4000:]),
    )


def _nothing_loaded(release: Release) -> Finding:
    return certain(
        object=f"release/{release.name}",
        observed="The server answers, and has no definitions.",
        cause="The module has no Definitions object, or the module is not the one that was meant.",
        fix="Name the module that holds the Definitions in the location's `module`.",
    )


def defined(snapshot: Any) -> Iterator[Defined]:
    """Yield the definitions of a `RepositorySnap` whose jobs are references."""
    of = partial(_of, snapshot.name)
    for node in snapshot.asset_nodes:
        yield of("asset", node.asset_key.to_user_string(), _asset(node))
    for check in snapshot.asset_check_nodes or ():
        name = f"{check.asset_key.to_user_string()}:{check.name}"
        yield of("asset check", name, {"blocking": check.blocking, "jobs": sorted(check.job_names)})
    for job in snapshot.job_refs or ():
        if not job.name.startswith("__"):  # implicit asset jobs: their content is reported with the assets
            yield of("job", job.name, {"definition": job.snapshot_id[:12], "tags": job.preview_tags})
    for schedule in snapshot.schedules:
        yield of("schedule", schedule.name, _schedule(schedule))
    for sensor in snapshot.sensors:
        yield of("sensor", sensor.name, _sensor(sensor))
    for resource in snapshot.resources or ():
        if resource.is_top_level:
            yield of("resource", resource.name, {"type": resource.resource_type})


def _asset(node: Any) -> dict[str, Any]:
    return {
        "depends on": sorted(edge.parent_asset_key.to_user_string() for edge in node.parent_edges),
        "execution": node.execution_type.value.lower(),
        "group": node.group_name,
        "code version": node.code_version,
        "partitions": _short(node.partitions),
        "tags": node.tags,
        "owners": sorted(node.owners or ()),
        "pools": sorted(node.pools or ()),
        "resources": sorted(node.required_top_level_resources or ()),
        "condition": _label(node.automation_condition_snapshot),
    }


def _schedule(schedule: Any) -> dict[str, Any]:
    return {
        "cron": schedule.cron_schedule,
        "time zone": schedule.execution_timezone,
        "job": schedule.job_name,
        "default": schedule.default_status.value.lower() if schedule.default_status else None,
        "tags": schedule.tags,
    }


def _sensor(sensor: Any) -> dict[str, Any]:
    return {
        "type": sensor.sensor_type.value.lower() if sensor.sensor_type else None,
        "seconds": sensor.min_interval,
        "jobs": sorted(target.job_name for target in (sensor.target_dict or {}).values()),
        "default": sensor.default_status.value.lower() if sensor.default_status else None,
        "tags": sensor.tags,
    }


def _short(partitions: Any) -> str | None:
    """Return the partitions' kind, and a hash that differs where they do."""
    if partitions is None:
        return None
    from dagster._serdes import serialize_value

    kind = type(partitions).__name__.removesuffix("PartitionsSnap").removeprefix("External")
    return f"{kind} {hashlib.sha256(serialize_value(partitions).encode()).hexdigest()[:8]}"


def _label(condition: Any) -> str | None:
    """Return the condition's hash: two conditions with one hash tick alike."""
    return condition.node_snapshot.unique_id[:12] if condition is not None else None


def _of(repository: str, kind: DefinedKind, name: str, fields: dict[str, Any]) -> Defined:
    texts = {key: _text(value) for key, value in fields.items() if value not in (None, "", [], {}, ())}
    return Defined(kind=kind, name=name, repository=repository, fields=texts)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={value[key]}" for key in sorted(value))
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)
