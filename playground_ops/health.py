"""Looking at a running stack and saying what is not well, and why."""

from __future__ import annotations

from playground_ops import decisions
from playground_ops.config import Configuration
from playground_ops.errors import Finding, FindingKind
from playground_ops.model import ComponentStatus, ServerStatus
from playground_ops.targets.base import Target

RESTARTS_TO_TELL = 3


def check(target: Target, configuration: Configuration) -> list[Finding]:
    """Every finding; none when everything is well. Writes nothing."""
    return [finding for found in check_each(target, configuration).values() for finding in found]


def check_each(target: Target, configuration: Configuration) -> dict[str, list[Finding]]:
    """The findings of every component, by its name, also of those that are well. Writes nothing."""
    status = {component.name: component for component in target.stack.component_status()}
    locations = [location.name for location in configuration.all_locations]
    names = dict.fromkeys(("webserver", "daemon", *locations, *status))
    return {
        name: _component(status.get(name))
        + (_location(target, name) if name in locations else _process(name, status.get(name)))
        for name in names
    }


def _component(component: ComponentStatus | None) -> list[Finding]:
    if component is not None and component.restarts >= RESTARTS_TO_TELL:
        return [_restarting(component)]
    return []


def _process(name: str, component: ComponentStatus | None) -> list[Finding]:
    if component is None:
        return [_not_there(name)]
    return [] if component.ready else [_not_ready(component)]


def _location(target: Target, name: str) -> list[Finding]:
    now = decisions.serving(target.releases(name))
    if now is None:
        return [_serves_nothing(name)]
    seen = target.observe(now.release)
    if seen.status is not ServerStatus.READY:
        return [seen.finding or _not_answering(name, now.release.number, seen.message)]
    shown, own = target.shown(now.release)
    if shown.error is not None or shown.server_id != own:
        return [_not_shown(name, now.release.number, shown.error or "an earlier server")]
    return []


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


def _serves_nothing(name: str) -> Finding:
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
