"""Examines a running stack and returns what is not well, and why."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial

from playground_ops.checks import causes, room
from playground_ops.checks.folding import Folded, fold, lasting
from playground_ops.checks.topic import FOUNDATION, Report, Topic, add, parts, worst_first
from playground_ops.config import OPS, Configuration
from playground_ops.core import decisions
from playground_ops.core.clock import Clock, moment
from playground_ops.core.component import Deploying
from playground_ops.core.errors import Finding, PlaygroundError
from playground_ops.core.model import LiveRelease, Location, Release, Revision
from playground_ops.core.pod_settings import amount
from playground_ops.core.target import Target
from playground_ops.engine.health import probes
from playground_ops.engine.health.probes import Looked, Numbers
from playground_ops.engine.recovery import let_go

AGAIN_SECONDS = 10.0
"""What passes within these seconds is not reported: a reload, a pod's replacement, the end of a rollout."""
EXPLAINS_SECONDS = 600.0
"""For so long a deploy that is under way explains what is not ready or not as configured: components are
waited for no longer, and a candidate that waits for a person's word would hide an outage."""
AT_ONCE = 8
"""Locations examined at once; each means some queries to the cluster, its server and the webserver."""


@dataclass(frozen=True)
class Examined:
    report: Report
    numbers: Numbers
    stale: Sequence[Release] = ()
    """What serves of locations for which the webserver shows an earlier server."""
    deploy: Deploying | None = None
    """A deploy that is under way and explains what it is about to change."""

    @property
    def folded(self) -> Folded:
        """Return the report with what follows from something else under that."""
        return fold(self.report, self.deploy)


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
    for release in seen.stale:
        location = release.location
        target.webserver(location.deployment).reload(
            location.name
        )  # shows what is true, which it does not always find out by itself
    clock.sleep(AGAIN_SECONDS)
    second = examine(target, configuration)
    return Examined(lasting(first, second.report), second.numbers, deploy=second.deploy)


def examine(target: Target, configuration: Configuration) -> Examined:
    """Return every topic of every component, with its findings, but not the sources. Writes nothing.

    What can't be examined is a finding of its component. Raises PlaygroundError when nothing can be.
    """
    target = target.snapshot()
    status = {component.name: component for component in target.stack.component_status()}
    in_cluster = target.name == "kubernetes"
    looked_at = parts_of(configuration, in_cluster)
    locations = [location.name for location in configuration.all_locations]
    deploy = target.stack.deploy_under_way()
    # A location that is no longer configured and still there is reported by the plan.
    standing = [name for name, one in status.items() if one.kind != "location"]
    others = [name for name in dict.fromkeys((*looked_at, *standing)) if name not in (FOUNDATION, *locations)]
    tasks: list[Callable[[], Looked]] = [
        *(partial(probes.at_location, target, name, status.get(name)) for name in locations),
        *(partial(probes.at_component, name, status.get(name)) for name in others),
        *(one for view in configuration.views for one in _of_instance(target, view)),
        partial(probes.at_plan, target, configuration),
        partial(probes.at_missing, target, configuration),
        partial(probes.at_files, target, configuration.locations),
        partial(probes.at_deploy, deploy),
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        seen = list(pool.map(lambda task: task(), tasks))
    found: Report = {
        name: {topic: [] for topic in topics if topic is not Topic.SOURCE}
        for name, topics in looked_at.items()
    }
    away = {each.database_away for each in seen if each.database_away}
    known = [each for each in seen if each.from_database not in away]
    for name, topic, findings in (one for each in known for one in each.told):
        # What is no longer configured is still in what the webserver loads.
        add(found, topic, {name if name in found else FOUNDATION: findings})
    for name in (each.rolling_out for each in seen if each.rolling_out):
        found[name][Topic.AS_CONFIGURED] = []  # it is about to be made so
    for unknown, topic in (one for each in seen for one in each.unknown):
        for name in [unknown] if unknown else list(found):
            if found.get(name, {}).get(topic) == []:
                del found[name][topic]
    measured = [one.numbers for one in seen if one.numbers]
    measured += [{name: room.of_component(one.usage)} for name, one in status.items() if one.usage]
    stale = [each.stale for each in seen if each.stale]
    return Examined(found, _laid_together(measured), stale, deploy if _explains(deploy) else None)


def _of_instance(target: Target, view: Configuration) -> list[Callable[[], Looked]]:
    keeps = keeper(view, target.name == "kubernetes")
    return [
        partial(probes.at_dagster, target, view),
        partial(probes.at_storage, target, view, keeps),
    ]


def _explains(deploy: Deploying | None) -> bool:
    """Return whether a deploy is young enough to be what is the matter: no component takes it longer."""
    if deploy is None or not deploy.is_alive:
        return False
    return (datetime.now(timezone.utc) - moment(deploy.since)).total_seconds() < EXPLAINS_SECONDS


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
        told = {name: [causes.of_a_source(one) for one in error.findings] for name in found}
        return {name: {Topic.SOURCE: [*findings]} for name, findings in told.items()}, []
    ahead = []
    for location, answer in zip(wanted, answers, strict=True):
        if isinstance(answer, Finding):
            found[location.name][Topic.SOURCE] = [causes.of_a_source(answer)]
        elif sentence := _ahead(location, answer, decisions.serving(target.releases(location.name))):
            ahead.append(sentence)
    return found, ahead


def is_refused_by_the_policy(found: Report) -> bool:
    """Return whether the stack's own policy refused what asks a repository."""
    told = (one for topics in found.values() for one in topics.get(Topic.SOURCE, ()))
    return any(causes.POLICY in one.cause for one in told)


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


def cut_logs(target: Target, configuration: Configuration) -> Sequence[str]:
    """Cut what runs print without an end. Returns a sentence for each of them."""
    try:
        return target.stack.files.cut_logs(int(amount(configuration.run_log_limit)))
    except PlaygroundError:
        return ()  # the look itself tells of a database that does not answer


def parts_of(configuration: Configuration, in_cluster: bool) -> dict[str, tuple[Topic, ...]]:
    """Return the topics that are checked for each component of a stack."""
    views = configuration.views
    keeps = dict.fromkeys((FOUNDATION, *(keeper(view, in_cluster) for view in views)))
    deployments = {view.deployment: view.has_daemon for view in views}
    locations = {one.name: one.repository is not None for one in configuration.all_locations}
    return parts(locations, deployments, tuple(keeps), in_cluster)


def keeper(configuration: Configuration, in_cluster: bool) -> str:
    """Return the component that keeps the database of the deployment of which it is a view."""
    return "postgres" if in_cluster and not configuration.postgres.external else FOUNDATION
