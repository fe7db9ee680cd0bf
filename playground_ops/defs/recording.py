"""What happened outside of Dagster's runs, brought into the asset graph.

Rollouts made from the command line, by the bootstrap, or by a run that died are in the target's
records alone; so are the settings that webserver and daemon run with.
"""

import json
from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from playground_ops.defs import metadata
from playground_ops.defs.assets import key
from playground_ops.defs.opener import StackOpener
from playground_ops.defs.reporting import Event, event
from playground_ops.errors import PlaygroundError
from playground_ops.model import Component, Outcome, RolloutRecord
from playground_ops.opening import Opened

INTERVAL_SECONDS = 15

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
    found = list(unseen(opened, before))
    after = {**before, **{name: mark for name, mark, _ in found}}
    reported = [news for _, _, news in found if news is not None]
    if after == before:
        return dg.SkipReason("nothing new")
    return dg.SensorResult(asset_events=reported, cursor=json.dumps(after, sort_keys=True))


def unseen(opened: Opened, seen: Mapping[str, str]) -> Iterator[tuple[str, str, Event | None]]:
    """Component, the mark to remember, and the event, if it is one that no run has reported."""
    for location in opened.configuration.all_locations:
        for record in _after(opened.target.records(location.name), seen.get(location.name)):
            yield location.name, record.id, event(record) if _is_unreported(record) else None
    for component in opened.target.stack.components():
        mark = json.dumps(component.settings, sort_keys=True)
        if component.kind != "location" and seen.get(component.name) != mark:
            yield component.name, mark, _materialization(component)


def _after(records: Sequence[RolloutRecord], last: str | None) -> Iterator[RolloutRecord]:
    """The records after `last`, as far as they have an outcome; all of them when `last` is not there."""
    ids = [record.id for record in records]
    for record in records[ids.index(last) + 1 if last in ids else 0 :]:
        if record.outcome is None:
            return  # in order: what follows comes with a later tick
        yield record


def _is_unreported(record: RolloutRecord) -> bool:
    return (record.run_id is None or record.recovered) and record.outcome is not Outcome.UNCHANGED


def _materialization(component: Component) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        key(component.name),
        description=f"**{component.name}** runs with these settings",
        metadata=metadata.of_component(component),
    )
