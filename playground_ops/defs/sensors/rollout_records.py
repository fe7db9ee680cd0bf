"""Brings rollouts that no Dagster run reported into the asset graph.

Rollouts made from the command line, by the bootstrap, or by a run that died or could not write its events are
only in the target's records; so are the settings that webserver and daemon run with.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone

import dagster as dg

from playground_ops.checks.topic import Topic
from playground_ops.context import StackContext
from playground_ops.core.clock import moment
from playground_ops.core.component import Component
from playground_ops.core.errors import PlaygroundError
from playground_ops.core.model import Outcome, RolloutRecord
from playground_ops.defs import metadata
from playground_ops.defs.assets import key
from playground_ops.defs.evaluations import after_rollout, repeated
from playground_ops.defs.jobs.reporting import Reported, event
from playground_ops.defs.jobs.run_log import WAIT_SECONDS
from playground_ops.defs.resources import StackOpener

INTERVAL_SECONDS = 15
GIVEN_UP = timedelta(seconds=WAIT_SECONDS + 60)
"""After this time a run has reported its events, or is dead."""
EVENTS = {dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_OBSERVATION}

Seen = dict[str, str]
"""By component: the id of the last record, or the settings, that were reported."""


@dg.sensor(
    name="rollout_records",
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Shows in the asset graph what was done from the command line.",
)
def rollout_records(
    context: dg.SensorEvaluationContext, stack: dg.ResourceParam[StackOpener]
) -> dg.SensorResult | dg.SkipReason:
    try:
        opened = stack.open()
    except PlaygroundError as error:
        return dg.SkipReason(error.finding.sentence())
    before: Seen = json.loads(context.cursor) if context.cursor else {}
    found = list(unseen(opened, before, lambda record: is_told(context.instance, record)))
    after = {**before, **{name: mark for name, mark, _ in found}}
    reported: list[Reported] = []
    for name, _, news in found:
        if isinstance(news, RolloutRecord):
            reported += [event(news), *after_rollout(context.instance, news)]
        elif news is not None:  # its checks are not about other settings: they stay as they were
            reported += [news, *repeated(context.instance, name, list(Topic))]
    if after == before:
        return dg.SkipReason("nothing new")
    return dg.SensorResult(asset_events=reported, cursor=json.dumps(after, sort_keys=True))


def unseen(
    opened: StackContext, seen: Mapping[str, str], is_reported: Callable[[RolloutRecord], bool | None]
) -> Iterator[tuple[str, str, RolloutRecord | dg.AssetMaterialization | None]]:
    """Yield component, mark to remember, and what no run has reported: a rollout, or other settings."""
    target = opened.target.snapshot()
    for location in opened.configuration.all_locations:
        for record in _after(target.records(location.name), seen.get(location.name)):
            by_its_run = record.outcome is Outcome.UNCHANGED or is_reported(record)
            if by_its_run is None:
                break  # in order: a later tick reports the rest
            yield location.name, record.id, None if by_its_run else record
    for component in target.stack.components():
        mark = json.dumps(component.settings, sort_keys=True)
        if component.kind != "location" and seen.get(component.name) != mark:
            yield component.name, mark, _materialization(component)


def _after(records: Sequence[RolloutRecord], last: str | None) -> Iterator[RolloutRecord]:
    """Yield the records after `last`, as far as they have an outcome; all of them when `last` isn't there."""
    ids = [record.id for record in records]
    for record in records[ids.index(last) + 1 if last in ids else 0 :]:
        if record.outcome is None:
            return  # in order: a later tick reports the rest
        yield record


def is_told(instance: dg.DagsterInstance, record: RolloutRecord) -> bool | None:
    """Return whether the rollout's run has reported it in the asset graph; None: it may still do so."""
    if record.run_id is None or record.recovered:
        return False
    reported = instance.get_records_for_run(record.run_id, of_type=EVENTS).records
    if any(one.event_log_entry.get_dagster_event().asset_key == key(record.location) for one in reported):
        return True
    run = instance.get_run_by_id(record.run_id)
    ended = moment(record.ended_at or record.started_at)
    is_over = run is None or run.is_finished or datetime.now(timezone.utc) - ended > GIVEN_UP
    return False if is_over else None


def _materialization(component: Component) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        key(component.name),
        description=f"**{component.name}** runs with these settings",
        metadata=metadata.of_component(component),
    )
