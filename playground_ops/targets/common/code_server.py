"""What a code server loaded, read with Dagster's own client.

The one file that uses Dagster's private gRPC client and its types.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from playground_ops.core.errors import Finding, RolloutFailed, certain
from playground_ops.core.loaded import Automation, Defined, LoadedCode
from playground_ops.core.model import Release
from playground_ops.core.redact import redact
from playground_ops.targets.common.defined import defined
from playground_ops.targets.common.server_protocol import Address, NoAnswer, listed_repositories, server_id

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


def inspect(release: Release, address: Address, seconds: float) -> LoadedCode:
    """Ask a server what it loaded, for at most `seconds`.

    Raises RolloutFailed when it answers with an error or loaded nothing, NoAnswer when it does not answer.
    """
    ends = time.monotonic() + seconds
    own_id = server_id(address.channel)
    listed = _list(release, address, seconds)
    assets: set[str] = set()
    automations: list[Automation] = []
    found: list[Defined] = []
    for symbol in listed.repository_symbols:
        left = ends - time.monotonic()
        snapshot = _snapshot(release, address, symbol.repository_name, left)
        assets.update(node.asset_key.to_user_string() for node in _executable(snapshot))
        automations.extend(_automations(symbol.repository_name, snapshot))
        found.extend(defined(snapshot))
    pointers = listed.repository_code_pointer_dict.values()
    directories = {str(getattr(pointer, "working_directory", None) or "") for pointer in pointers}
    return LoadedCode(
        server_id=own_id,
        working_directories=tuple(sorted(directories)),
        repositories=tuple(sorted(symbol.repository_name for symbol in listed.repository_symbols)),
        asset_keys=tuple(sorted(assets)),
        automations=tuple(automations),
        defined=tuple(found),
        dagster_version=(listed.dagster_library_versions or {}).get("dagster", ""),
    )


def _list(release: Release, address: Address, seconds: float) -> ListRepositoriesResponse:
    from dagster._grpc.types import ListRepositoriesResponse

    answer: ListRepositoriesResponse = _deserialized(
        listed_repositories(address.channel, seconds), ListRepositoriesResponse, release
    )
    if not answer.repository_symbols:
        raise RolloutFailed(_nothing_loaded(release))
    return answer


def _snapshot(release: Release, address: Address, repository: str, seconds: float) -> Any:
    from dagster._core.errors import DagsterUserCodeUnreachableError
    from dagster._core.remote_origin import RemoteRepositoryOrigin
    from dagster._core.remote_representation.external_data import RepositorySnap
    from dagster._grpc.client import DagsterGrpcClient

    client = DagsterGrpcClient(host=address.host, port=address.port, socket=address.socket)
    origin = RemoteRepositoryOrigin(
        code_location_origin=origin_of(release.location.name, address), repository_name=repository
    )
    try:
        answer = client.external_repository(origin, defer_snapshots=True, timeout=max(seconds, 1.0))
    except DagsterUserCodeUnreachableError as error:
        raise NoAnswer(address.channel, error) from error
    return _deserialized(answer, RepositorySnap, release)


def _deserialized(answer: str, kind: type, release: Release) -> Any:
    """Return the value that a server answered with. Raises RolloutFailed where that is an error."""
    from dagster._serdes import deserialize_value
    from dagster_shared.error import SerializableErrorInfo
    from dagster_shared.serdes.errors import DeserializationError

    try:
        found = deserialize_value(answer, (kind, SerializableErrorInfo))
    except DeserializationError as error:
        raise RolloutFailed(_not_understood(release, str(error))) from error
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


def _not_understood(release: Release, text: str) -> Finding:
    return certain(
        object=f"release/{release.name}",
        observed="The server answers with what this stack's Dagster can't read.",
        cause="The Dagster that it runs is too new or too old for that of the stack.",
        fix="Bring both to versions that are near each other.",
        evidence=redact(text[-4000:]),
    )


def _nothing_loaded(release: Release) -> Finding:
    return certain(
        object=f"release/{release.name}",
        observed="The server answers, and has no definitions.",
        cause="The module has no Definitions object, or the module is not the one that was meant.",
        fix="Name the module that holds the Definitions in the location's `module`.",
    )
