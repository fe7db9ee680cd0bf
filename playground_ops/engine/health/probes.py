"""Single checks: of a location, another component, Dagster's reports, storage, drift, missing objects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone

from playground_ops.checks import (
    causes,
    collisions,
    components,
    drift,
    files,
    instance,
    leftovers,
    rollouts,
    room,
    ticks,
)
from playground_ops.checks.causes import DAEMON, DATABASE, DEPLOY, SUPERVISOR, WEBSERVER
from playground_ops.checks.topic import FOUNDATION, Topic
from playground_ops.config import Configuration
from playground_ops.core import decisions, served
from playground_ops.core.component import ComponentStatus, Deploying, component_of
from playground_ops.core.errors import Finding, PlaygroundError
from playground_ops.core.model import MAIN, Location, Release
from playground_ops.core.target import Target
from playground_ops.engine import relocation

Numbers = Mapping[str, Mapping[str, int]]
"""Numbers by component and label: what it keeps and uses."""


@dataclass(frozen=True)
class Looked:
    """The result of one check: component, topic, findings."""

    told: Sequence[tuple[str, Topic, list[Finding]]]
    rolling_out: str | None = None
    """The location, where a rollout is under way."""
    from_database: str | None = None
    """The deployment whose database it is meaningless without: heartbeats could not be written."""
    database_away: str | None = None
    """The deployment whose database is away."""
    stale: Release | None = None
    """The release that serves, where the webserver shows an earlier server."""
    numbers: Numbers = field(default_factory=dict)
    unknown: Sequence[tuple[str | None, Topic]] = ()
    """What could not be looked at, by component (None: all of them): it is not said to be well."""


MEASURE_SECONDS = 0.15
"""How long a look measures what locations keep, and as long what runs left; the next one goes on with it."""
OF_DAGSTER = (Topic.RUNS, Topic.TICKS)
"""What only a deployment's webserver and its database know."""


def at_component(name: str, component: ComponentStatus | None) -> Looked:
    now = datetime.now(timezone.utc)
    findings = components.keeps_ending(component, now) + components.is_up(name, component)
    return Looked([(name, Topic.HEALTHY, findings), *_of_memory(name, component)])


def _of_memory(name: str, component: ComponentStatus | None) -> list[tuple[str, Topic, list[Finding]]]:
    found = room.memory(component)
    return [(name, Topic.ROOM, found)] if found else []


def at_location(target: Target, name: str, component: ComponentStatus | None) -> Looked:
    try:
        holder = target.holder(name)
        releases, records = target.releases(name), target.records(name)
        now = datetime.now(timezone.utc)
        left = leftovers.check(name, holder, releases, records, now)
        is_busy = bool(records) and records[-1].outcome is None and not left
        left += leftovers.without_a_record(releases, records)
        serving = decisions.serving(releases)
        healthy = components.keeps_ending(component, now) + leftovers.moved_by_hand(name, releases, records)
        stale = None
        if serving is None:
            healthy.append(components.serves_nothing(name, served.rollback_choice(records, releases)))
        elif silent := components.answers(serving.release, target.observe(serving.release)):
            healthy += silent
        elif not is_busy:  # during a rollout, the rollout confirms what is shown
            shown = target.webserver(serving.release.location.deployment).shown(name)
            own = target.server_id(serving.release)
            healthy += components.is_shown(serving.release, shown, own)
            stale = serving.release if shown.error is None and shown.server_id != own else None
    except PlaygroundError as error:
        unknown = ((name, Topic.TIDY), (name, Topic.LAST_ROLLOUT))
        return Looked([(name, Topic.HEALTHY, _in_each(error))], unknown=unknown)
    found = [(name, Topic.HEALTHY, healthy), (name, Topic.TIDY, left), *_of_memory(name, component)]
    last = rollouts.last_rollout(name, records, serving is not None)
    found.append((name, Topic.LAST_ROLLOUT, [*last]))
    return Looked(found, name if is_busy else None, stale=stale)


def _in_each(error: PlaygroundError) -> list[Finding]:
    """Return the findings of a question that may have failed for several components alike."""
    return [causes.shared(one, one.object) for one in error.findings]


def at_dagster(target: Target, view: Configuration) -> Looked:
    """Report what the webserver of a deployment knows; if it does not answer, that, and nothing else."""
    deployment = view.deployment
    webserver, daemon = (component_of(kind, deployment) for kind in (WEBSERVER, DAEMON))
    seen = target.webserver(deployment).overview()
    if seen is None:
        told = [(webserver, Topic.HEALTHY, list[Finding]([components.asks_in_vain(deployment)]))]
        return Looked(told, unknown=_unknown(view))
    return Looked(
        [
            (daemon, Topic.HEALTHY, instance.check_daemons(seen.heartbeats, deployment)),
            *(
                (name, Topic.RUNS, found)
                for name, found in instance.check_runs(seen.runs, deployment).items()
            ),
            *((name, Topic.TICKS, found) for name, found in ticks.check(seen.ticking, deployment).items()),
            *(
                (name, Topic.AS_CONFIGURED, findings)
                for name, findings in components.check_versions(seen.version, seen.versions).items()
            ),
            *((name, Topic.HEALTHY, findings) for name, findings in _shared_keys(target, view).items()),
        ],
        from_database=deployment,
    )


def _shared_keys(target: Target, view: Configuration) -> Mapping[str, list[Finding]]:
    """Compare the asset keys of a deployment's locations, where any two of them may have the same ones."""
    strict = [one for one in view.locations if one.shared_assets == "refuse"]
    served = target.webserver(view.deployment).asset_keys() if len(strict) > 1 else None
    own = {one.name: served[one.name] for one in strict if one.name in served} if served else {}
    return collisions.check(own, view.deployment)


def _unknown(view: Configuration) -> list[tuple[str | None, Topic]]:
    names = [component_of(DAEMON, view.deployment), *(one.name for one in view.all_locations)]
    return [(name, topic) for name in names for topic in OF_DAGSTER]


def at_storage(target: Target, view: Configuration, keeps: str) -> Looked:
    """Check a deployment's storage; `keeps` is the component that keeps its database."""
    deployment = view.deployment
    try:
        storage = target.storage(deployment)
    except PlaygroundError as error:
        follows = [causes.missing(keeps), keeps, SUPERVISOR, DEPLOY]
        label = component_of(DATABASE, deployment)
        told = [causes.seen(one, explains=[label], follows=follows) for one in error.findings]
        return Looked([(keeps, Topic.HEALTHY, [*told])], database_away=deployment, unknown=_unknown(view))
    found = []
    if database := storage.database:
        found.append((keeps, Topic.ROOM, room.connections(database)))
        found.append((keeps, Topic.AS_CONFIGURED, room.schema(database)))
        found.append((keeps, Topic.HEALTHY, room.rights(database)))
    if storage.of_database and deployment == MAIN:
        found.append((keeps, Topic.ROOM, room.volume(storage.of_database)))
    if storage.of_files and deployment == MAIN:
        found.append((FOUNDATION, Topic.ROOM, room.volume(storage.of_files)))
    return Looked(found, numbers=room.of_storage(storage, keeps, deployment))


def at_files(target: Target, locations: Sequence[Location]) -> Looked:
    """Check what each location keeps on the volume that all share."""
    kept = target.stack.files
    found = kept.kept([one.name for one in locations], MEASURE_SECONDS)
    return Looked(
        [
            (FOUNDATION, Topic.ROOM, files.of_runs(found.room, kept.of_runs(MEASURE_SECONDS))),
            *((one.name, Topic.ROOM, files.of_location(one, found)) for one in locations),
        ],
        numbers=files.numbers(found),
    )


def at_missing(target: Target, configuration: Configuration) -> Looked:
    """Return nothing where the question fails: the other checks ask the same and report why."""
    try:
        found = target.stack.missing(configuration)
    except PlaygroundError:
        return Looked([])
    return Looked([(name, Topic.AS_CONFIGURED, [*findings]) for name, findings in found.items()])


def at_deploy(deploy: Deploying | None) -> Looked:
    """Report a deploy that was never ended; one that is under way is no fault."""
    unended = deploy is not None and not deploy.is_alive
    return Looked([(FOUNDATION, Topic.AS_CONFIGURED, [drift.unended(deploy)])] if deploy and unended else [])


def at_plan(target: Target, configuration: Configuration) -> Looked:
    try:
        plan = target.stack.plan(configuration)
        missing, differs = drift.check(plan)
        moves = relocation.planned(target, configuration, plan)
    except PlaygroundError as error:
        told = [("webserver", Topic.AS_CONFIGURED, _in_each(error))]
        return Looked(told, unknown=[(None, Topic.AS_CONFIGURED)])
    for move, finding in zip(moves, relocation.refused(configuration, moves), strict=True):
        differs[move.location] = [causes.seen(finding, follows=[DEPLOY])]
    return Looked(
        [
            *((name, Topic.HEALTHY, findings) for name, findings in missing.items()),
            *((name, Topic.AS_CONFIGURED, findings) for name, findings in differs.items()),
        ]
    )
