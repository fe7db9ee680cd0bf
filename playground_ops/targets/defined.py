"""What a repository defines, from Dagster's own snapshot of it: names, and the fields that say what each is.

What only says how it looks in the UI (descriptions, metadata) is left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from playground_ops.model import Defined


def defined(snapshot: Any) -> Iterator[Defined]:
    """Of a `RepositorySnap` whose jobs are references."""
    for node in snapshot.asset_nodes:
        yield _of("asset", node.asset_key.to_user_string(), _asset(node))
    for check in snapshot.asset_check_nodes or ():
        name = f"{check.asset_key.to_user_string()}:{check.name}"
        yield _of("asset check", name, {"blocking": check.blocking, "jobs": sorted(check.job_names)})
    for job in snapshot.job_refs or ():
        if not job.name.startswith("__"):  # of assets: what it is made of is told of them
            yield _of("job", job.name, {"definition": job.snapshot_id[:12], "tags": job.preview_tags})
    for schedule in snapshot.schedules:
        yield _of("schedule", schedule.name, _schedule(schedule))
    for sensor in snapshot.sensors:
        yield _of("sensor", sensor.name, _sensor(sensor))
    for resource in snapshot.resources or ():
        if resource.is_top_level:
            yield _of("resource", resource.name, {"type": resource.resource_type})


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
    """Their kind, and a hash that is another one when they are others."""
    if partitions is None:
        return None
    from dagster._serdes import serialize_value

    kind = type(partitions).__name__.removesuffix("PartitionsSnap").removeprefix("External")
    return f"{kind} {hashlib.sha256(serialize_value(partitions).encode()).hexdigest()[:8]}"


def _label(condition: Any) -> str | None:
    """Its hash: two conditions of one hash tick alike."""
    return condition.node_snapshot.unique_id[:12] if condition is not None else None


def _of(kind: str, name: str, fields: dict[str, Any]) -> Defined:
    told = {key: _text(value) for key, value in fields.items() if value not in (None, "", [], {}, ())}
    return Defined(kind=kind, name=name, fields=told)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={value[key]}" for key in sorted(value))
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)
