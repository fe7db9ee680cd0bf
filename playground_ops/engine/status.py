"""The state of the stack as one value: what a person or a script asks for first."""

from collections.abc import Sequence

from playground_ops.config import OPS, Configuration
from playground_ops.config.collisions import apart
from playground_ops.core import decisions, served
from playground_ops.core.component import ComponentStatus
from playground_ops.core.frozen_model import FrozenModel
from playground_ops.core.model import MAIN, LiveRelease, Outcome, Phase, ReleaseState, RolloutRecord
from playground_ops.core.program import DISTRIBUTION
from playground_ops.core.target import Target
from playground_ops.render.names import CONFIGURATION, CONFIGURATION_KEY


class LastRollout(FrozenModel):
    action: str
    outcome: str
    """The outcome, or `under way` while there is none."""
    ended_at: str | None
    by: str
    reason: str | None = None
    """Why it failed, in a sentence."""


class LocationStatus(FrozenModel):
    name: str
    deployment: str = MAIN
    release: int | None = None
    commit: str | None = None
    ref: str | None = None
    subject: str | None = None
    since: str | None = None
    previous: int | None = None
    """The number of the release that a rollback goes to."""
    warm: int | None = None
    """The number of the release that is kept warm: going there is a switch, nothing has to be started."""
    candidate: int | None = None
    candidate_changes: str | None = None
    """What the candidate changes, in a sentence, while it waits for a person's word."""
    kept: tuple[int, ...] = ()
    """Numbers of older releases that queued runs are still to start on."""
    draining: tuple[int, ...] = ()
    automation: str | None = None
    ready: bool = False
    restarts: int = 0
    message: str = ""
    last_rollout: LastRollout | None = None


class DeploymentStatus(FrozenModel):
    name: str
    ui: str | None


class StackStatus(FrozenModel):
    ui: str | None
    """The URL of the main deployment's UI; None where no stack is there."""
    target: str
    configuration: str = ""
    """Which configuration is in force, and where it is from."""
    components: tuple[ComponentStatus, ...]
    locations: tuple[LocationStatus, ...]
    deployments: tuple[DeploymentStatus, ...] = ()
    """The main one first."""
    notes: tuple[str, ...] = ()
    """What nobody has written into the configuration, and is so."""


def location_status(
    name: str,
    releases: Sequence[LiveRelease],
    records: Sequence[RolloutRecord],
    server: ComponentStatus | None,
    deployment: str = MAIN,
) -> LocationStatus:
    """Return a location's status. `deployment`: what the configuration says, where nothing serves."""
    now, before = decisions.serving(releases), served.rollback_choice(records, releases)
    warm = served.kept_warm(records, releases)
    candidate = next((live for live in releases if live.state is ReleaseState.CANDIDATE), None)
    release = now.release if now else None
    return LocationStatus(
        name=name,
        deployment=release.location.deployment if release else deployment,
        release=release.number if release else None,
        commit=release.revision.commit if release else None,
        ref=release.revision.ref if release else None,
        subject=(release.revision.subject or None) if release else None,
        since=now.served_at if now else None,
        automation=release.location.automation if release else None,
        previous=before.number if before else None,
        warm=warm.release.number if warm else None,
        candidate=candidate.release.number if candidate else None,
        candidate_changes=_waiting_to_change(records[-1]) if records and candidate else None,
        kept=tuple(live.release.number for live in served.no_longer_kept(records, releases)),
        draining=tuple(live.release.number for live in releases if live.state is ReleaseState.DRAINING),
        ready=server.ready if server else False,
        restarts=server.restarts if server else 0,
        message=server.message if server else "",
        last_rollout=_last(records[-1]) if records else None,
    )


def _waiting_to_change(record: RolloutRecord) -> str | None:
    waits = record.outcome is None and record.phase is Phase.APPROVE
    return record.changes.sentence() if waits and record.changes else None


def _last(record: RolloutRecord) -> LastRollout:
    outcome = record.outcome.value if record.outcome else f"under way: {record.phase.value}"
    failed = record.outcome in (Outcome.FAILED, Outcome.INTERRUPTED)
    return LastRollout(
        action=record.action,
        outcome=outcome,
        ended_at=record.ended_at,
        by=record.by,
        reason=record.finding.sentence() if failed and record.finding else None,
    )


def read_status(target: Target, configuration: Configuration) -> StackStatus:
    """Return the status of all components and locations, configured or not. Writes nothing."""
    target = target.snapshot()
    components = tuple(target.stack.component_status())
    servers = {found.name: found for found in components if found.kind == "location"}
    configured = [location.name for location in configuration.all_locations]
    names = [*configured, *(name for name in servers if name not in configured)]
    releases = {name: target.releases(name) for name in names}
    return StackStatus(
        ui=target.stack.ui_address(),
        target=target.name,
        configuration=_in_force(target, configuration, decisions.serving(releases[OPS.name])),
        components=tuple(found for found in components if found.kind != "location"),
        locations=tuple(
            location_status(
                *(name, releases[name], target.records(name), servers.get(name)),
                configuration.deployment_of(name),
            )
            for name in names
        ),
        deployments=tuple(
            DeploymentStatus(name=name, ui=target.stack.ui_address(name))
            for name in configuration.deployment_names
        ),
        notes=tuple(filter(None, [apart(configuration)])),
    )


def _program(ops: LiveRelease) -> str:
    return f" by {DISTRIBUTION} {ops.program}" if ops.program else ""


def _in_force(target: Target, configuration: Configuration, ops: LiveRelease | None) -> str:
    if target.name == "local":
        return configuration.source
    if configuration.ops.repository and ops and ops.release.revision.repository:
        revision = ops.release.revision
        return (
            f"{CONFIGURATION_KEY} of commit {revision.short} ({revision.ref or 'HEAD'}) of "
            f"{revision.repository}, with ops release {ops.release.number}{_program(ops)}"
        )
    return f"ConfigMap {CONFIGURATION}, as deployed"
