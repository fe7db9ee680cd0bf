"""Examines a running stack and returns what is not well, and why."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from playground_ops.checks import room
from playground_ops.checks.topic import FOUNDATION, Report, Topic, add, parts, worst_first
from playground_ops.config import OPS, Configuration
from playground_ops.core import decisions
from playground_ops.core.clock import Clock
from playground_ops.core.errors import Finding, PlaygroundError
from playground_ops.core.model import LiveRelease, Location, Revision
from playground_ops.core.target import Target
from playground_ops.engine.health import probes
from playground_ops.engine.health.probes import Looked, Numbers
from playground_ops.engine.recovery import let_go

AGAIN_SECONDS = 10.0
"""What passes within these seconds is not reported: a reload, a pod's replacement, the end of a rollout."""
AT_ONCE = 8
"""Locations examined at once; each means some queries to the cluster, its server and the webserver."""


@dataclass(frozen=True)
class Examined:
    report: Report
    numbers: Numbers
    stale: Sequence[str] = ()
    """Locations for which the webserver shows an earlier server than the one that serves."""


def examine_twice(target: Target, configuration: Configuration, clock: Clock) -> Examined:
    """Return what is not well at two checks, some seconds apart; for what is well, one is enough.

    Raises PlaygroundError when nothing can be examined at either.
    """
    try:
        seen = examine(target, configuration)
    except PlaygroundError:
        clock.sleep(AGAIN_SECONDS)
        seen = examine(target, configuration)
    first = seen.report
    if not worst_first(first):
        return seen
    for name in seen.stale:
        target.webserver.reload(name)  # shows what is true, which it does not always find out by itself
    clock.sleep(AGAIN_SECONDS)
    second = examine(target, configuration)
    lasting = {
        name: {topic: found if first.get(name, {}).get(topic) else [] for topic, found in topics.items()}
        for name, topics in second.report.items()
    }
    return Examined(lasting, second.numbers)


def examine(target: Target, configuration: Configuration) -> Examined:
    """Return every topic of every component, with its findings, but not the sources. Writes nothing.

    What can't be examined is a finding of its component. Raises PlaygroundError when nothing can be.
    """
    target = target.snapshot()
    status = {component.name: component for component in target.stack.component_status()}
    in_cluster = target.name == "kubernetes"
    looked_at = parts_of(configuration, in_cluster)
    locations = [location.name for location in configuration.all_locations]
    # A location that is no longer configured and still there is reported by the plan.
    standing = [name for name, one in status.items() if one.kind != "location"]
    others = [name for name in dict.fromkeys((*looked_at, *standing)) if name not in (FOUNDATION, *locations)]
    tasks: list[Callable[[], Looked]] = [
        *(partial(probes.at_location, target, name, status.get(name)) for name in locations),
        *(partial(probes.at_component, name, status.get(name)) for name in others),
        partial(probes.at_dagster, target),
        partial(probes.at_storage, target, keeper(configuration, in_cluster)),
        partial(probes.at_plan, target, configuration),
        partial(probes.at_missing, target, configuration),
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        seen = list(pool.map(lambda task: task(), tasks))
    found: Report = {
        name: {topic: [] for topic in topics if topic is not Topic.SOURCE}
        for name, topics in looked_at.items()
    }
    away = any(each.database_is_away for each in seen)
    known = [each for each in seen if not (away and each.is_from_database)]
    for name, topic, findings in (one for each in known for one in each.told):
        # What is no longer configured is still in what the webserver loads.
        add(found, topic, {name if name in found else FOUNDATION: findings})
    for name in (each.rolling_out for each in seen if each.rolling_out):
        found[name][Topic.AS_CONFIGURED] = []  # it is about to be made so
    measured = [one.numbers for one in seen if one.numbers]
    measured += [{name: room.of_component(one.usage)} for name, one in status.items() if one.usage]
    stale = [each.stale for each in seen if each.stale]
    return Examined(found, _laid_together(measured), stale)


def _laid_together(measured: Sequence[Numbers]) -> Numbers:
    names = {name for numbers in measured for name in numbers}
    return {
        name: {key: value for one in measured for key, value in one.get(name, {}).items()} for name in names
    }


def blind(error: PlaygroundError, components: Iterable[str]) -> Report:
    """Return a report for when nothing can be examined: `ops` has the findings, nothing else is known."""
    return {**{name: {} for name in components}, OPS.name: {Topic.HEALTHY: [*error.findings]}}


def sources(target: Target, configuration: Configuration) -> tuple[Report, list[str]]:
    """Return whether the repositories answer, and a sentence for each location whose ref is ahead.

    In a cluster a pod is started for each repository: this is not part of every check.
    """
    wanted = [one for one in configuration.all_locations if one.repository]
    found: Report = {one.name: {Topic.SOURCE: []} for one in wanted}
    try:
        answers = target.resolve_all(wanted) if wanted else ()
    except PlaygroundError as error:
        return {name: {Topic.SOURCE: [*error.findings]} for name in found}, []
    ahead = []
    for location, answer in zip(wanted, answers, strict=True):
        if isinstance(answer, Finding):
            found[location.name][Topic.SOURCE] = [answer]
        elif sentence := _ahead(location, answer, decisions.serving(target.releases(location.name))):
            ahead.append(sentence)
    return found, ahead


def _ahead(location: Location, there: Revision, live: LiveRelease | None) -> str | None:
    if live is None or live.release.revision.commit == there.commit:
        return None
    leads, serves = f"{there.ref or 'HEAD'} leads to {there.short}", live.release.revision.short
    return f"{location.name}: {leads}; {serves} serves, since {live.served_at}."


def tend(target: Target, locations: Sequence[str]) -> list[str]:
    """Mark failed the runs that ended with their server, and let go releases that no run waits for any more.

    Returns a sentence for each run.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        lost = [sentence for several in pool.map(target.fail_lost_runs, locations) for sentence in several]
        list(pool.map(lambda name: let_go(target, name, "health_check"), locations))
    return lost


def parts_of(configuration: Configuration, in_cluster: bool) -> dict[str, tuple[Topic, ...]]:
    """Return the topics that are checked for each component of a stack."""
    keeps = dict.fromkeys((FOUNDATION, keeper(configuration, in_cluster)))
    locations = {one.name: one.repository is not None for one in configuration.all_locations}
    return parts(locations, tuple(keeps), in_cluster)


def keeper(configuration: Configuration, in_cluster: bool) -> str:
    """Return the component that keeps Dagster's database."""
    return "postgres" if in_cluster and not configuration.postgres.external else FOUNDATION
