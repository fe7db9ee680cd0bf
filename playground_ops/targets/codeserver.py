"""What a code server loaded, asked with Dagster's own client.

The one file that uses Dagster's private gRPC client and its types.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from playground_ops.errors import Finding, FindingKind, RolloutFailed
from playground_ops.model import Automation, Defined, LoadedCode, Release
from playground_ops.redact import redact
from playground_ops.targets.address import Address
from playground_ops.targets.defined import defined

if TYPE_CHECKING:
    from dagster._core.remote_origin import GrpcServerCodeLocationOrigin
    from dagster._grpc.types import ListRepositoriesResponse


def origin_of(location: str, address: Address) -> GrpcServerCodeLocationOrigin:
    """The origin that the workspace gives a location: what its schedules and sensors are known by."""
    from dagster._core.remote_origin import GrpcServerCodeLocationOrigin

    return GrpcServerCodeLocationOrigin(
        host=address.host, port=address.port, socket=address.socket, location_name=location
    )


def import_client() -> None:
    """Import what `inspect` needs, so that it need not be waited for."""
    import dagster._core.remote_representation.external_data
    import dagster._grpc.client  # noqa: F401


def inspect(release: Release, address: Address, server_id: str) -> LoadedCode:
    """Raises RolloutFailed when the server answers with an error or has nothing loaded."""
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
        asset_keys=tuple(sorted(assets)),
        automations=tuple(automations),
        defined=tuple(found),
        dagster_version=(listed.dagster_library_versions or {}).get("dagster", ""),
    )


def _list(client: Any, release: Release) -> ListRepositoriesResponse:
    from dagster._grpc.types import ListRepositoriesResponse
    from dagster._serdes import deserialize_value
    from dagster_shared.error import SerializableErrorInfo

    answer = deserialize_value(client.list_repositories(), (ListRepositoriesResponse, SerializableErrorInfo))
    if isinstance(answer, SerializableErrorInfo):
        raise RolloutFailed(_refused(release, answer.to_string()))
    if not answer.repository_symbols:
        raise RolloutFailed(_nothing_loaded(release))
    return answer


def _snapshot(client: Any, release: Release, address: Address, repository: str) -> Any:
    from dagster._core.remote_origin import RemoteRepositoryOrigin
    from dagster._core.remote_representation.external_data import RepositorySnap
    from dagster._serdes import deserialize_value
    from dagster_shared.error import SerializableErrorInfo

    origin = RemoteRepositoryOrigin(
        code_location_origin=origin_of(release.location.name, address), repository_name=repository
    )
    answer = deserialize_value(
        client.external_repository(origin, defer_snapshots=True), (RepositorySnap, SerializableErrorInfo)
    )
    if isinstance(answer, SerializableErrorInfo):
        raise RolloutFailed(_refused(release, answer.to_string()))
    return answer


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
    """External assets are only mentioned by a location: two may mention the same one."""
    return [node for node in snapshot.asset_nodes if node.execution_type.value != "UNEXECUTABLE"]


def _refused(release: Release, text: str) -> Finding:
    return Finding(
        kind=FindingKind.CERTAIN,
        object=f"release/{release.name}",
        observed="The server answers, and says that its definitions can't be loaded.",
        cause="An error in the definitions; the text below is the server's own.",
        fix="Mend the definitions and redeploy.",
        evidence=redact(text[-4000:]),
    )


def _nothing_loaded(release: Release) -> Finding:
    return Finding(
        kind=FindingKind.CERTAIN,
        object=f"release/{release.name}",
        observed="The server answers, and has no definitions.",
        cause="The module has no Definitions object, or the module is not the one that was meant.",
        fix="Name the module that holds the Definitions in the location's `module`.",
    )
