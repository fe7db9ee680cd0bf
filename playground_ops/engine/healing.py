"""Automatic repair of locations where it is configured: a limited number of times, each on record."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta, timezone

from playground_ops.checks.topic import Report, Topic
from playground_ops.config import Configuration
from playground_ops.core import decisions, served
from playground_ops.core.clock import moment
from playground_ops.core.errors import PlaygroundError
from playground_ops.core.model import Location, RolloutRecord, ServerStatus
from playground_ops.core.target import Target
from playground_ops.engine.context import Asker, Engine, Request
from playground_ops.engine.rollout import roll_out

BY = "health_check"


def heal(
    engine_of: Callable[[str], Engine],
    configuration: Configuration,
    found: Report,
    lasting: Collection[str],
    run_id: str | None = None,
) -> list[str]:
    """Bring up serving releases that don't answer, and remove leftovers. Returns a sentence for each.

    `lasting`: locations that were not well at an earlier check either. What is brought up is the commit that
    serves, or served last, as a new release through every gate: nothing is restarted in place, so nothing
    that still works is ended. A location that never served is left to people, as is one that answers and is
    not well.
    """
    sentences = []
    for location in configuration.all_locations:
        topics = found.get(location.name, {})
        left = bool(topics.get(Topic.TIDY))
        if not left and not (topics.get(Topic.HEALTHY) and location.name in lasting):
            continue
        engine = engine_of(location.name)
        if sentence := _heal(engine, configuration, location, left, run_id):
            sentences.append(f"{location.name}: {sentence}")
    return sentences


def _heal(
    engine: Engine, configuration: Configuration, location: Location, left: bool, run_id: str | None
) -> str | None:
    """Repair one location; `left`: a rollout left something that is to be removed."""
    limit, minutes = configuration.health.heal_times, configuration.health.heal_window_minutes
    try:
        request = wanted(engine.target, location, run_id)
        if request is None or not (request.force or left):
            return None
        times = healed(engine.target.records(location.name), datetime.now(timezone.utc), minutes)
        if times >= limit:
            return f"not mended: that was done {times} times within {minutes} min (`health: heal_times`)."
        record = roll_out(engine, request)
    except PlaygroundError as error:
        return f"could not be mended: {error.finding.sentence()}"
    number = record.release.number if record.release else 0
    return f"release {number} was brought up anew." if request.force else "what was left was put right."


def healed(records: Sequence[RolloutRecord], now: datetime, window_minutes: float) -> int:
    """Return how often a repair was tried within the window."""
    since = now - timedelta(minutes=window_minutes)
    return sum(1 for one in records if one.action == "heal" and moment(one.started_at) >= since)


def wanted(target: Target, location: Location, run_id: str | None = None) -> Request | None:
    """Return a request for the release as it was deployed; newer settings come with the next deploy.

    None where nothing serves and nothing has served.
    """
    asker = Asker(BY, "heal", run_id)
    live = target.releases(location.name)
    serving = decisions.serving(live)
    if serving is not None:
        ready = target.observe(serving.release).status is ServerStatus.READY
        return asker.again(serving.release, rollback_of=serving.release.rollback_of, force=not ready)
    last = served.rollback_choice(target.records(location.name), live)
    return asker.again(last, rollback_of=last.rollback_of, force=True) if last else None
