"""What a location has made of its assets, read from the instance of its deployment.

Only the event log is read. A value itself (a pickle, a table) is never opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playground_ops.core.produced import CheckSeen, Column, Number, Produced, Wanted
from playground_ops.core.redact import one_line
from playground_ops.targets.common.instance import opened
from playground_ops.targets.common.origins import location_of, release_of

if TYPE_CHECKING:
    from dagster import AssetCheckKey, AssetKey, DagsterInstance, DagsterRun, EventLogRecord
    from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord

SCHEMA = "dagster/column_schema"
LOOKED_AT = 50
"""How many materializations, or evaluations of a check, are looked through for one of the location's own."""
LONGEST_LABEL, LONGEST_TYPE = 80, 200
"""Characters of a text that the code wrote."""


def produced(home: Path, location: str, wanted: Sequence[Wanted]) -> list[Produced]:
    """Return what the location has made of the wanted assets; those that it has not made are left out.

    Where another location of the instance has the same key, only what was made by this one counts, and what
    no run made. Raises PlaygroundError when the database does not answer.
    """
    with opened(home) as instance:
        return _Reading(instance, location).all(wanted)


class _Reading:
    def __init__(self, instance: DagsterInstance, location: str) -> None:
        self._instance, self._location = instance, location
        self._runs: dict[str, DagsterRun] = {}

    def all(self, wanted: Sequence[Wanted]) -> list[Produced]:
        # A component of a key may have a slash, so the text does not say what the key is.
        known = {key.to_user_string(): key for key in self._instance.all_asset_keys()}
        asked = {known[one.key]: one for one in wanted if one.key in known}
        newest = self._newest([key for key, one in asked.items() if one.partition is None])
        made = {key: self._own(key, one, newest.get(key)) for key, one in asked.items()}
        there = {key: record for key, record in made.items() if record is not None}
        checks = self._checks(there, asked)
        seconds = self._seconds(there.values())
        return [
            self._produced(record, asked[key], checks.get(key, ())).model_copy(
                update={"seconds": seconds.get(_step(record))}
            )
            for key, record in there.items()
        ]

    def _newest(self, keys: Sequence[AssetKey]) -> dict[AssetKey, EventLogRecord]:
        found = self._instance.get_asset_records(keys) if keys else ()
        entries = [one.asset_entry for one in found]
        newest = {
            one.asset_key: one.last_materialization_record
            for one in entries
            if one.last_materialization_record
        }
        self._learn(record.run_id for record in newest.values())
        return newest

    def _own(self, key: AssetKey, asked: Wanted, newest: EventLogRecord | None) -> EventLogRecord | None:
        """Return the latest one that this location made."""
        from dagster import AssetRecordsFilter

        if asked.partition is None and (newest is None or self._is_own(newest.run_id)):
            return newest
        partitions = None if asked.partition is None else [asked.partition]
        which = AssetRecordsFilter(asset_key=key, asset_partitions=partitions)
        found = self._instance.fetch_materializations(which, limit=LOOKED_AT).records
        self._learn(record.run_id for record in found)
        return next((record for record in found if self._is_own(record.run_id)), None)

    def _is_own(self, run_id: str) -> bool:
        run = self._runs.get(run_id)
        return run is None or location_of(run) in (None, self._location)

    def _learn(self, run_ids: Iterable[str]) -> None:
        from dagster import RunsFilter

        unknown = sorted({run_id for run_id in run_ids if run_id} - self._runs.keys())
        if unknown:
            self._runs |= {run.run_id: run for run in self._instance.get_runs(RunsFilter(run_ids=unknown))}

    def _checks(
        self, made: Mapping[AssetKey, EventLogRecord], asked: Mapping[AssetKey, Wanted]
    ) -> dict[AssetKey, list[CheckSeen]]:
        from dagster import AssetCheckKey

        keys = [AssetCheckKey(key, name) for key in made for name in asked[key].checks]
        if not keys:
            return {}
        latest = self._instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
        self._learn(record.run_id for record in latest.values())
        found: dict[AssetKey, list[CheckSeen]] = {}
        for key in keys:
            record = latest.get(key)
            if record is not None and (seen := self._check(key, record, made[key.asset_key])):
                found.setdefault(key.asset_key, []).append(seen)
        return found

    def _check(
        self, key: AssetCheckKey, latest: AssetCheckExecutionRecord, made: EventLogRecord
    ) -> CheckSeen | None:
        seen = self._evaluated(latest, made)
        if seen is not None:
            return seen
        history = self._instance.event_log_storage.get_asset_check_execution_history(key, limit=LOOKED_AT)
        self._learn(record.run_id for record in history)
        return next(filter(None, (self._evaluated(record, made) for record in history)), None)

    def _evaluated(self, record: AssetCheckExecutionRecord, made: EventLogRecord) -> CheckSeen | None:
        """Return what it found; None where it is under way, or another location's."""
        from dagster import AssetCheckSeverity, DagsterRunStatus

        if not self._is_own(record.run_id):
            return None
        name = one_line(record.key.name, LONGEST_LABEL)
        if record.status.value == "PLANNED" or record.evaluation is None:
            run = self._runs.get(record.run_id)
            failed = run is not None and run.status is DagsterRunStatus.FAILURE
            return CheckSeen(name=name, state="did not end") if failed else None
        evaluation = record.evaluation
        target = evaluation.target_materialization_data
        earlier = target is not None and target.storage_id < made.storage_id
        if evaluation.passed:
            return CheckSeen(name=name, state="passes", of_earlier=earlier)
        warns = evaluation.severity is AssetCheckSeverity.WARN
        return CheckSeen(name=name, state="warns" if warns else "fails", of_earlier=earlier)

    def _seconds(self, records: Iterable[EventLogRecord]) -> dict[tuple[str, str], float]:
        """Return how long steps took, by run and step; those of a run that was deleted are unknown."""
        steps: dict[str, set[str]] = {}
        for run_id, step in filter(all, map(_step, records)):
            if run_id in self._runs:
                steps.setdefault(run_id, set()).add(step)
        stats = {
            (run_id, one.step_key): one
            for run_id, keys in steps.items()
            for one in self._instance.get_run_step_stats(run_id, sorted(keys))
        }
        return {
            place: round(one.end_time - one.start_time, 2)
            for place, one in stats.items()
            if one.start_time is not None and one.end_time is not None
        }

    def _produced(self, record: EventLogRecord, asked: Wanted, checks: Sequence[CheckSeen]) -> Produced:
        run = self._runs.get(record.run_id)
        release = release_of(run, self._instance.get_run_by_id) if run else None
        event = record.asset_materialization
        metadata = event.metadata if event else {}
        return Produced(
            key=asked.key,
            at=datetime.fromtimestamp(record.timestamp, timezone.utc).isoformat(timespec="milliseconds"),
            run_id=record.run_id or None,
            release=release[1] if release and release[0] == self._location else None,
            partition=event.partition if event else None,
            numbers=_numbers(metadata),
            columns=_columns(metadata.get(SCHEMA)),
            checks=tuple(sorted(checks, key=lambda one: one.name)),
        )


def _step(record: EventLogRecord) -> tuple[str, str]:
    return record.run_id, record.event_log_entry.step_key or ""


def _numbers(metadata: Mapping[str, Any]) -> dict[str, Number]:
    from dagster import BoolMetadataValue, FloatMetadataValue, IntMetadataValue

    numeric = (BoolMetadataValue, FloatMetadataValue, IntMetadataValue)
    return {
        one_line(label, LONGEST_LABEL): value.value
        for label, value in metadata.items()
        if isinstance(value, numeric) and value.value is not None
    }


def _columns(found: Any) -> tuple[Column, ...] | None:
    from dagster import TableSchemaMetadataValue

    if not isinstance(found, TableSchemaMetadataValue):
        return None
    return tuple(
        Column(name=one_line(one.name, LONGEST_LABEL), type=one_line(one.type, LONGEST_TYPE))
        for one in found.schema.columns
    )
