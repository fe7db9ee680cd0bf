"""The definitions in a server's snapshot, each with the fields that describe it.

A field is what a person reads; where that is not all that decides it, a hash of all goes with it. Hashes are
keyed: a resource may have a password that can be guessed. Fields that only change the UI (descriptions,
metadata) are left out.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from playground_ops.core.loaded import Defined
from playground_ops.core.model import DefinedKind
from playground_ops.core.secret_words import MASK

_KEY = secrets.token_bytes(16)
KIND_TAG = "dagster/kind/"
STUB = "dagster/auto_created_stub_asset"
"""In the metadata of an asset that is only depended on here, and defined elsewhere or nowhere."""
OFTEN = {"0 * * * *": "hourly", "0 0 * * *": "daily", "0 0 * * 0": "weekly", "0 0 1 * *": "monthly"}
CONDITION, LONGEST_CONDITION = "automation condition", 100


class _Whole:
    """A field of which `shown` is read, and all of `value` is compared."""

    def __init__(self, shown: str | None, value: Any) -> None:
        from dagster._serdes import serialize_value

        self.shown = shown
        text = value if isinstance(value, str) else serialize_value(value)
        self.hash = hashlib.blake2b(text.encode(), digest_size=8, key=_KEY).hexdigest()


class _Conditions:
    """Automation conditions: to write one out takes 0.2 ms, and thousands of assets have the same few."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Any, _Whole]] = {}

    def of(self, condition: Any, snapshot: Any = None) -> _Whole | None:
        """Return the condition itself where Dagster could send it, else what it tells of it."""
        if condition is None:
            return None if snapshot is None else _Whole(_cut(_snapshot_in_words(snapshot)), snapshot)
        name = condition.get_label() or condition.name
        last = self._known.get(name)
        if last is None or last[0] != condition:
            last = self._known[name] = (condition, _Whole(_cut(_condition_in_words(condition)), condition))
        return last[1]


def defined(snapshot: Any) -> Iterator[Defined]:
    """Yield the definitions of a `RepositorySnap` whose jobs are references."""
    of, conditions = partial(_of, snapshot.name), _Conditions()
    for node in snapshot.asset_nodes:
        if STUB in node.metadata:
            continue
        condition = conditions.of(node.automation_condition, node.automation_condition_snapshot)
        name = node.asset_key.to_user_string()
        yield of("asset", name, {**_asset(node), CONDITION: condition})
    for check in snapshot.asset_check_nodes or ():
        condition = conditions.of(check.automation_condition, check.automation_condition_snapshot)
        name = f"{check.asset_key.to_user_string()}:{check.name}"
        yield of("asset check", name, {**_check(check), CONDITION: condition})
    partitioned = {one.job_name: one.partitions for one in snapshot.partition_sets}
    for job in snapshot.job_refs or ():
        if not job.name.startswith("__"):  # implicit asset jobs: their content is reported with the assets
            partitions = _partitions(partitioned.get(job.name))
            condition = conditions.of(getattr(job, "automation_condition", None))
            yield of("job", job.name, {**_job(job), "partitions": partitions, CONDITION: condition})
    for schedule in snapshot.schedules:
        yield of("schedule", schedule.name, _schedule(schedule))
    for sensor in snapshot.sensors:
        yield of("sensor", sensor.name, _sensor(sensor))
    for resource in snapshot.resources or ():
        if resource.is_top_level:
            yield of("resource", resource.name, _resource(resource))


def _of(repository: str, kind: DefinedKind, name: str, fields: Mapping[str, Any]) -> Defined:
    there = {key: value for key, value in fields.items() if value not in (None, "", [], {}, ())}
    whole = {key: value for key, value in there.items() if isinstance(value, _Whole)}
    shown = {key: value.shown if isinstance(value, _Whole) else value for key, value in there.items()}
    return Defined(
        kind=kind,
        name=name,
        repository=repository,
        fields={key: _text(value) for key, value in shown.items() if value is not None},
        hidden={key: value.hash for key, value in whole.items()},
    )


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={value[key]}" for key in sorted(value))
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def _asset(node: Any) -> dict[str, Any]:
    kinds = {key.removeprefix(KIND_TAG) for key in node.tags or () if key.startswith(KIND_TAG)}
    mapped = [edge for edge in node.parent_edges if edge.partition_mapping is not None]
    return {
        "depends on": sorted(edge.parent_asset_key.to_user_string() for edge in node.parent_edges),
        "partition mappings": _whole(mapped),
        "execution": node.execution_type.value.lower(),
        "group": node.group_name,
        "kinds": sorted(kinds | ({node.compute_kind} if node.compute_kind else set())),
        "code version": node.code_version,
        "partitions": _partitions(node.partitions),
        "backfill policy": _backfill(node.backfill_policy),
        "freshness policy": _whole(node.freshness_policy or node.legacy_freshness_policy),
        "tags": {key: value for key, value in (node.tags or {}).items() if not key.startswith(KIND_TAG)},
        "owners": sorted(node.owners or ()),
        "pools": sorted(node.pools or ()),
        "resources": sorted(node.required_top_level_resources or ()),
    }


def _check(check: Any) -> dict[str, Any]:
    return {
        "blocking": check.blocking,
        "jobs": sorted(check.job_names),
        "also reads": sorted(key.to_user_string() for key in check.additional_asset_keys),
        "partitions": _partitions(check.partitions_def_snapshot),
    }


def _job(job: Any) -> dict[str, Any]:
    return {
        "definition": _Whole(None, job.snapshot_id),
        "tags": job.preview_tags,
        "owners": sorted(getattr(job, "owners", None) or ()),
    }


def _schedule(schedule: Any) -> dict[str, Any]:
    return {
        "cron": schedule.cron_schedule,
        "time zone": schedule.execution_timezone,
        "job": schedule.job_name,
        "assets": _whole(schedule.asset_selection),
        "default": schedule.default_status.value.lower() if schedule.default_status else None,
        "tags": schedule.tags,
    }


def _sensor(sensor: Any) -> dict[str, Any]:
    return {
        "type": sensor.sensor_type.value.lower() if sensor.sensor_type else None,
        "seconds": sensor.min_interval,
        "jobs": sorted(target.job_name for target in (sensor.target_dict or {}).values()),
        "assets": _whole(sensor.asset_selection),
        "default": sensor.default_status.value.lower() if sensor.default_status else None,
        "tags": sensor.tags,
        "run tags": getattr(sensor, "run_tags", None),
    }


def _resource(resource: Any) -> dict[str, Any]:
    """Return its type and the names of its fields: a value may be a secret, a variable's name is none."""
    configured = {
        f"field {name}": _Whole(MASK, value) if isinstance(value, str) else f"EnvVar {value.name}"
        for name, value in resource.configured_values.items()
    }
    nested = {f"field {name}": one.name for name, one in resource.nested_resources.items()}
    return {"type": resource.resource_type, **configured, **nested}


def _whole(value: Any) -> _Whole | None:
    return _Whole(None, value) if value else None


def _backfill(policy: Any) -> str | None:
    if policy is None:
        return None
    most = policy.max_partitions_per_run
    return "all in one run" if most is None else f"{most} in a run"


def _partitions(partitions: Any) -> _Whole | None:
    return None if partitions is None else _Whole(_partitions_in_words(partitions), partitions)


def _partitions_in_words(partitions: Any) -> str:
    if hasattr(partitions, "partition_dimensions"):
        dimensions = partitions.partition_dimensions
        return " x ".join(f"{one.name}: {_partitions_in_words(one.partitions)}" for one in dimensions)
    if hasattr(partitions, "partition_keys"):
        return f"static, {len(partitions.partition_keys)} keys"
    if hasattr(partitions, "start"):
        return _window_in_words(partitions)
    return f"dynamic, {partitions.name}"


def _window_in_words(window: Any) -> str:
    cron = window.cron_schedule
    if cron is None:
        often = window.schedule_type.value.lower() if window.schedule_type else "by time"
    else:
        often = OFTEN.get(cron, f"by cron {cron}")
    until = f" until {_moment(window.end, window.timezone)}" if window.end else ""
    zone = f" in {window.timezone}" if window.timezone not in (None, "UTC") else ""
    return f"{often} from {_moment(window.start, window.timezone)}{until}{zone}"


def _moment(at: float, zone: str | None) -> str:
    moment = datetime.fromtimestamp(at, ZoneInfo(zone) if zone else timezone.utc)
    is_midnight = (moment.hour, moment.minute, moment.second) == (0, 0, 0)
    return moment.strftime("%Y-%m-%d" if is_midnight else "%Y-%m-%d %H:%M")


def _condition_in_words(condition: Any) -> str:
    return _called(
        condition.get_label(), condition.name, [_condition_in_words(one) for one in condition.children]
    )


def _snapshot_in_words(snapshot: Any) -> str:
    node = snapshot.node_snapshot
    children = [_snapshot_in_words(one) for one in snapshot.children]
    return _called(node.label, node.name or node.class_name, children)


def _called(label: str | None, name: str, children: Sequence[str]) -> str:
    return label or (f"{name}({', '.join(children)})" if children else name)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_CONDITION else f"{text[:LONGEST_CONDITION]}.."
