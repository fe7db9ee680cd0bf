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
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from playground_ops.checks.causes import DEPLOY
from playground_ops.checks.folding import Folded, fold
from playground_ops.checks.topic import Topic, is_looked_at
from playground_ops.core.errors import PlaygroundError
from playground_ops.defs.assets import key
from playground_ops.defs.evaluations import excused, of
from playground_ops.defs.resources import StackOpener
from playground_ops.defs.sensors.notifications import notify
from playground_ops.engine.health import examine

INTERVAL_SECONDS = 60
ANEW_SECONDS = 3600.0

Marks = dict[str, str]
"""By component and check: the last materialization at the previous check, and a digest of the findings."""


def health_sensor(
    components: Mapping[str, Sequence[Topic]], job: UnresolvedAssetJobDefinition
) -> dg.SensorDefinition:
    """`job` is asked for what this does not look at, where it was looked at during a deploy."""

    @dg.sensor(
        name="health_watch",
        job=job,
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
            seen = examine.examine_twice(opened.target, opened.configuration, opened.engine.clock)
            found = seen.folded
        except PlaygroundError as error:
            found = fold(examine.blind(error, components))
        unsent = notify(context.instance, opened, found) if opened else []
        for sentence in unsent:
            context.log.error(sentence)
        before: dict[str, Any] = json.loads(context.cursor or '{"at": 0, "marks": {}}')
        deploys = found.deploy is not None
        again = [] if deploys or not before.get("deploys") else _again(context.instance, components)
        now = time.time()
        anew = now - before["at"] >= ANEW_SECONDS
        marks = marks_of(found, components, materialized(context.instance, list(components)))
        changed = [name for name, mark in marks.items() if anew or before["marks"].get(name) != mark]
        if not changed and deploys == before.get("deploys", False):
            return dg.SkipReason("; ".join(unsent) or "all as at the last look")
        events = [
            one
            for name, topics in components.items()
            for topic in topics
            if f"{name}/{topic.value}" in changed and (one := of(found, name, topic)) is not None
        ]
        cursor = {"at": now if anew else before["at"], "marks": marks, "deploys": deploys}
        return dg.SensorResult(
            asset_events=events, run_requests=again, cursor=json.dumps(cursor, sort_keys=True)
        )

    return health_watch


def _again(instance: dg.DagsterInstance, components: Mapping[str, Sequence[Topic]]) -> list[dg.RunRequest]:
    """Request the repositories to be asked again whose check was excused by a deploy that has ended since."""
    asked = [
        dg.AssetCheckKey(key(name), Topic.SOURCE.value)
        for name, topics in components.items()
        if Topic.SOURCE in topics
    ]
    found = excused(instance, asked)
    return [dg.RunRequest(asset_check_keys=found)] if found else []


def materialized(instance: dg.DagsterInstance, components: Sequence[str]) -> dict[str, int]:
    """Return each one's last materialization: the UI ignores checks that were evaluated before it."""
    records = instance.get_asset_records([key(name) for name in components])
    return {
        one.asset_entry.asset_key.path[-1]: one.asset_entry.last_materialization_storage_id or 0
        for one in records
    }


def marks_of(
    found: Folded, components: Mapping[str, Sequence[Topic]], last: Mapping[str, int] = MappingProxyType({})
) -> Marks:
    return {
        f"{name}/{topic.value}": f"{last.get(name, 0)} {_mark(found, name, topic)}"
        for name, topics in components.items()
        for topic in topics
        if is_looked_at(found.report, name, topic) or (name, topic) in found.because
    }


def _mark(found: Folded, name: str, topic: Topic) -> str:
    """Return a digest of what the findings are about and why, without how long they have lasted."""
    because = found.because.get((name, topic))
    own = found.report.get(name, {}).get(topic, [])
    texts = sorted(f"{one.object}: {one.cause}" for one in (because.findings if because else own))
    if because:
        texts.append(f"because of {because.cause[2].object if because.cause else DEPLOY}")
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16] if texts else ""
