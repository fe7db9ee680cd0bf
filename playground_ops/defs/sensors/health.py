"""A health check every minute, in the server that runs already: a run for each would cost a process.

It writes an evaluation only where something changed since the last check, and all of them once an hour, so
that no shown evaluation is older.
"""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import dagster as dg

from playground_ops.checks.topic import Report, Topic, is_looked_at
from playground_ops.core.errors import Finding, PlaygroundError
from playground_ops.defs.assets import key
from playground_ops.defs.checks import evaluation
from playground_ops.defs.resources import StackOpener
from playground_ops.defs.sensors.notifications import notify
from playground_ops.engine.health import examine

INTERVAL_SECONDS = 60
ANEW_SECONDS = 3600.0

Marks = dict[str, str]
"""By component and check: the last materialization at the previous check, and a digest of the findings."""


def health_sensor(components: Mapping[str, Sequence[Topic]]) -> dg.SensorDefinition:
    @dg.sensor(
        name="health_watch",
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks at the stack every minute, and writes down what changed.",
    )
    def health_watch(
        context: dg.SensorEvaluationContext, stack: dg.ResourceParam[StackOpener]
    ) -> dg.SensorResult | dg.SkipReason:
        opened = None
        try:
            opened = stack.open()
            found = examine.examine_twice(opened.target, opened.configuration, opened.engine.clock).report
        except PlaygroundError as error:
            found = examine.blind(error, components)
        unsent = notify(context.instance, opened, found) if opened else []
        for sentence in unsent:
            context.log.error(sentence)
        before: dict[str, Any] = json.loads(context.cursor or '{"at": 0, "marks": {}}')
        now = time.time()
        anew = now - before["at"] >= ANEW_SECONDS
        marks = marks_of(found, components, materialized(context.instance, list(components)))
        changed = [name for name, mark in marks.items() if anew or before["marks"].get(name) != mark]
        if not changed:
            return dg.SkipReason("; ".join(unsent) or "all as at the last look")
        events = [
            evaluation(name, topic, found.get(name, {}).get(topic, []))
            for name, topics in components.items()
            for topic in topics
            if f"{name}/{topic.value}" in changed and is_looked_at(found, name, topic)
        ]
        cursor = {"at": now if anew else before["at"], "marks": marks}
        return dg.SensorResult(asset_events=events, cursor=json.dumps(cursor, sort_keys=True))

    return health_watch


def materialized(instance: dg.DagsterInstance, components: Sequence[str]) -> dict[str, int]:
    """Return each one's last materialization: the UI ignores checks that were evaluated before it."""
    records = instance.get_asset_records([key(name) for name in components])
    return {
        one.asset_entry.asset_key.path[-1]: one.asset_entry.last_materialization_storage_id or 0
        for one in records
    }


def marks_of(
    found: Report, components: Mapping[str, Sequence[Topic]], last: Mapping[str, int] = MappingProxyType({})
) -> Marks:
    return {
        f"{name}/{topic.value}": f"{last.get(name, 0)} {_mark(found.get(name, {}).get(topic, []))}"
        for name, topics in components.items()
        for topic in topics
        if is_looked_at(found, name, topic)
    }


def _mark(findings: Sequence[Finding]) -> str:
    """Return a digest of what the findings are about and why, without how long they have lasted."""
    texts = sorted(f"{one.object}: {one.cause}" for one in findings)
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16] if texts else ""
