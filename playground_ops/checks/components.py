"""Checks of a stack's components: present, ready, not restarting over and over, shown, of one version."""

from collections.abc import Mapping
from datetime import datetime

from playground_ops.checks import causes
from playground_ops.checks.causes import DATABASE, DEPLOY, SUPERVISOR, WEBSERVER, Seen, seen
from playground_ops.core.clock import moment
from playground_ops.core.component import ComponentStatus, End, component_of
from playground_ops.core.errors import Finding, certain, transient
from playground_ops.core.loaded import Shown
from playground_ops.core.model import MAIN, Observation, Release, ServerStatus

SCALED_TO_NOTHING = "it is scaled to nothing, so it has no pod"
"""The message of a component whose workload has no replicas."""
UNHEARD = "only the webserver can tell its heartbeats"
"""The end of the message of a component of which only the webserver could tell more."""
RESTARTS_TO_TELL = 3
RECENT_SECONDS = 3600.0
"""A process that has lived this long since its last restart is no longer restarting over and over."""


def keeps_ending(component: ComponentStatus | None, now: datetime) -> list[Finding]:
    end = component.last_end if component is not None else None
    if component is None or end is None or (now - moment(end.at)).total_seconds() > RECENT_SECONDS:
        return []
    if end.finding is not None:
        return [_ended_by_its_node(end.finding, end)]
    if end.out_of_memory:
        return [_out_of_memory(component, end)]
    if component.restarts < RESTARTS_TO_TELL:
        return []
    needs = [] if component.kind == "postgres" else [component_of(DATABASE, component.deployment)]
    return [seen(_restarting(component, end), follows=[component.name, *needs])]


def is_up(name: str, component: ComponentStatus | None) -> list[Finding]:
    """Check a component that is not a location."""
    gone = [causes.missing(name), SUPERVISOR]
    if component is None:
        return [seen(_not_there(name), explains=[name], follows=[*gone, DEPLOY])]
    if component.ready:
        return []
    if component.finding is not None:
        told = causes.of_a_process(component.finding, component.deployment)
        return [seen(told, explains=[name], follows=gone)]
    if component.message == SCALED_TO_NOTHING:
        return [seen(_scaled_to_nothing(name), explains=[name])]
    webserver, database = (component_of(one, component.deployment) for one in (WEBSERVER, DATABASE))
    needs = [] if component.kind == "postgres" else [database]
    needs += [webserver] if component.message.endswith(UNHEARD) else []
    return [seen(_not_ready(component), explains=[name], follows=[*gone, *needs, DEPLOY])]


def answers(release: Release, observed: Observation) -> list[Finding]:
    if observed.status is ServerStatus.READY:
        return []
    name, found, deployment = release.location.name, observed.finding, release.location.deployment
    if found is None:
        needs = [SUPERVISOR, component_of(DATABASE, deployment)]
        told = seen(_not_answering(name, release.number, observed.message), follows=needs)
    else:
        told = seen(causes.of_a_process(found, deployment), follows=[SUPERVISOR])
    return [seen(told, explains=[causes.location(name)])]


def is_shown(release: Release, shown: Shown, own: str) -> list[Finding]:
    """Check that the webserver shows the release; `own` is the id that the release's server gives itself."""
    if shown.error is None and shown.server_id == own:
        return []
    webserver, database = (component_of(one, release.location.deployment) for one in (WEBSERVER, DATABASE))
    told = _not_shown(release.location.name, release.number, shown.error or "an earlier server", webserver)
    return [seen(told, follows=[causes.missing(webserver), webserver, database] if shown.is_away else [])]


def asks_in_vain(deployment: str = MAIN) -> Seen:
    """Return the finding for a webserver that answers nobody, which its process alone does not show."""
    webserver = component_of(WEBSERVER, deployment)
    found = transient(
        object=f"component/{webserver}",
        observed="It does not answer what it is asked about daemons, runs and locations.",
        cause="It hangs, it has more to do than it can, or the database does not answer it.",
        fix=f"`logs {webserver}` shows its own words.",
    )
    database = component_of(DATABASE, deployment)
    follows = [causes.missing(webserver), webserver, SUPERVISOR, database, DEPLOY]
    return seen(found, explains=[webserver], follows=follows)


def _not_ready(component: ComponentStatus) -> Finding:
    return transient(
        object=f"component/{component.name}",
        observed=f"It is not ready: {component.message or 'no reason seen'}.",
        cause="It is starting, it keeps ending, or what it needs does not answer.",
        fix=f"`logs {component.name}` shows its own words; `deploy` starts what is missing.",
    )


def _scaled_to_nothing(name: str) -> Finding:
    return transient(
        object=f"component/{name}",
        observed="It is scaled to nothing, so it has no pod.",
        cause="Its replicas were set to 0, by kubectl-scale or an autoscaler.",
        fix="`deploy` brings it back.",
        whose="surroundings",
    )


def _not_there(name: str) -> Finding:
    return certain(
        object=f"component/{name}",
        observed="It is not deployed.",
        cause="There is no stack here yet, or a deploy was stopped half-way.",
        fix="`deploy` starts what is missing.",
    )


def _restarting(component: ComponentStatus, end: End) -> Finding:
    return transient(
        object=f"component/{component.name}",
        observed=f"It was restarted {component.restarts} times, last at {end.at} ({end.how}).",
        cause="Its process keeps ending.",
        fix=f"`logs {component.name}` shows how it ended (on Kubernetes with `--previous`). Told until it "
        "has lived an hour.",
    )


def _ended_by_its_node(finding: Finding, end: End) -> Finding:
    told = f"{finding.observed.rstrip('.')} (at {end.at}); another pod has taken its place."
    return finding.model_copy(update={"observed": told, "fix": f"{finding.fix} This is told for an hour."})


def _out_of_memory(component: ComponentStatus, end: End) -> Finding:
    return transient(
        object=f"component/{component.name}",
        observed=f"It was ended at {end.at} for using more memory than its limit, and started again.",
        cause="Its limit is too low for what it loads, or for the runs that are under way in it.",
        fix=f"Raise `resources` of {component.name} in the configuration, or give runs pods of their own "
        "(`run_launcher: kubernetes`). This is told for an hour.",
    )


def serves_nothing(name: str, last: Release | None) -> Seen:
    """Return the finding for a location that serves nothing; `last` served according to the records."""
    gone, never = causes.missing(name), causes.rollout(name)
    if last is not None:
        return seen(_lost(name, last), explains=[causes.location(name)], follows=[gone, SUPERVISOR])
    return seen(_nothing(name), explains=[causes.location(name)], follows=[gone, never, DEPLOY])


def _nothing(name: str) -> Finding:
    return certain(
        object=f"location/{name}",
        observed="It serves no release.",
        cause="Its first rollout failed or was never made.",
        fix=f"`history {name}` says why; then `deploy` or `redeploy {name}`.",
    )


def _lost(name: str, last: Release) -> Finding:
    return certain(
        object=f"location/{name}",
        observed=f"It serves no release; by its records it is release {last.number}, of commit "
        f"{last.revision.short}.",
        cause="Somebody deleted its server, or where its address leads.",
        fix=f"`rollback {name}` brings that commit up again, `redeploy {name} --force` the ref's.",
        whose="surroundings",
    )


def _not_answering(name: str, number: int, message: str) -> Finding:
    return transient(
        object=f"location/{name}",
        observed=f"The server of release {number} does not answer ({message}).",
        cause="It was restarted and is loading its definitions, or it hangs.",
        fix=f"`logs {name}`; if it stays so, `rollback {name}`.",
    )


def _not_shown(name: str, number: int, seen: str, webserver: str) -> Finding:
    return transient(
        object=f"location/{name}",
        observed=f"Release {number} serves and the webserver shows {seen}.",
        cause="The webserver has not loaded what the server answers.",
        fix=f"Reload the location in the UI's deployment page; `logs {webserver}`.",
    )


def check_versions(webserver: str, servers: Mapping[str, str]) -> dict[str, list[Finding]]:
    """Return findings by location: its Dagster has a newer minor version than the webserver's. An older one
    is supported: host processes are upgraded first (docs.dagster.io, "Upgrading Dagster")."""
    own = _minor(webserver)
    newer = {name: version for name, version in servers.items() if own and _minor(version) > own}
    return {
        name: [seen(_newer(name, version, webserver), follows=[DEPLOY])] for name, version in newer.items()
    }


def _minor(version: str) -> tuple[int, ...]:
    """Return the first two numbers; empty for a version that can't be compared (`1!0+dev` of a checkout)."""
    parts = version.split(".")[:2]
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else ()


def _newer(name: str, version: str, webserver: str) -> Finding:
    return certain(
        object=f"location/{name}",
        observed=f"Its server has Dagster {version}; the webserver and the daemon have {webserver}.",
        cause="The location's own dependencies name a Dagster that is newer than the stack's.",
        fix=f"Upgrade the stack first, or hold {name} at {webserver}.",
        whose="surroundings",
    )
