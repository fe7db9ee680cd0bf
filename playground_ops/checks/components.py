"""The parts of a stack: there, ready, and not ending over and over; what serves is answered for and shown."""

from __future__ import annotations

from playground_ops.component import ComponentStatus
from playground_ops.errors import Finding, FindingKind
from playground_ops.model import Observation, Release, ServerStatus, Shown

RESTARTS_TO_TELL = 3


def keeps_ending(component: ComponentStatus | None) -> list[Finding]:
    if component is not None and component.restarts >= RESTARTS_TO_TELL:
        return [_restarting(component)]
    return []


def is_up(name: str, component: ComponentStatus | None) -> list[Finding]:
    """Of a component that is no location."""
    if component is None:
        return [_not_there(name)]
    return [] if component.ready else [component.finding or _not_ready(component)]


def answers(release: Release, seen: Observation) -> list[Finding]:
    if seen.status is ServerStatus.READY:
        return []
    return [seen.finding or _not_answering(release.location.name, release.number, seen.message)]


def is_shown(release: Release, shown: Shown, own: str) -> list[Finding]:
    """`own`: the id of the release's server, as itself says."""
    if shown.error is None and shown.server_id == own:
        return []
    return [_not_shown(release.location.name, release.number, shown.error or "an earlier server")]


def _not_ready(component: ComponentStatus) -> Finding:
    return Finding(
        kind=FindingKind.TRANSIENT,
        object=f"component/{component.name}",
        observed=f"It is not ready: {component.message or 'no reason seen'}.",
        cause="It is starting, it keeps ending, or what it needs does not answer.",
        fix=f"`logs {component.name}` shows its own words; `deploy` starts what is missing.",
    )


def _not_there(name: str) -> Finding:
    return Finding(
        kind=FindingKind.CERTAIN,
        object=f"component/{name}",
        observed="It is not deployed.",
        cause="There is no stack here yet, or a deploy was stopped half-way.",
        fix="`deploy` starts what is missing.",
    )


def _restarting(component: ComponentStatus) -> Finding:
    return Finding(
        kind=FindingKind.TRANSIENT,
        object=f"component/{component.name}",
        observed=f"It was restarted {component.restarts} times.",
        cause="Its process keeps ending.",
        fix=f"`logs {component.name}` shows how it ended.",
    )


def serves_nothing(name: str) -> Finding:
    return Finding(
        kind=FindingKind.CERTAIN,
        object=f"location/{name}",
        observed="It serves no release.",
        cause="Its first rollout failed or was never made.",
        fix=f"`history {name}` says why; then `deploy` or `redeploy {name}`.",
    )


def _not_answering(name: str, number: int, message: str) -> Finding:
    return Finding(
        kind=FindingKind.TRANSIENT,
        object=f"location/{name}",
        observed=f"The server of release {number} does not answer ({message}).",
        cause="It was restarted and is loading its definitions, or it hangs.",
        fix=f"`logs {name}`; if it stays so, `rollback {name}`.",
    )


def _not_shown(name: str, number: int, seen: str) -> Finding:
    return Finding(
        kind=FindingKind.TRANSIENT,
        object=f"location/{name}",
        observed=f"Release {number} serves and the webserver shows {seen}.",
        cause="The webserver has not loaded what the server answers.",
        fix="Reload the location in the UI's deployment page; `logs webserver`.",
    )
