"""The switch and its confirmation: the one place where a location's address moves.

After `switch_to` either the new release serves and the webserver shows it, or what served before
serves again and the reason is raised.
"""

from __future__ import annotations

from dataclasses import dataclass

from playground_ops.clock import Clock
from playground_ops.errors import Finding, FindingKind, PlaygroundError, RolloutFailed
from playground_ops.model import Phase, Release, ServerStatus, Shown
from playground_ops.story import Story
from playground_ops.targets.base import Lock, Target

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Patience:
    """How long the engine waits, in seconds."""

    transient: float = 60.0
    """For what may pass: git, network, package index."""
    confirm: float = 10.0
    """For the webserver to show the new release."""
    stable: float = 0.3
    """How long a confirmed server must go on living before the rollout believes it."""
    lock: float = 0.0
    """For somebody else's rollout of the same location to end."""


def switch_to(
    target: Target,
    lock: Lock,
    release: Release,
    previous: Release | None,
    story: Story,
    clock: Clock,
    patience: Patience,
) -> None:
    """Raises RolloutFailed after going back to `previous`, LockLost before anything was moved."""
    story.phase(Phase.SWITCH, f"{release.location.name} goes to release {release.number}")
    lock.check()
    try:
        target.serve(release)
        if previous is not None:
            target.settle(previous)
        story.phase(Phase.CONFIRM, "waiting until the webserver shows the new release")
        confirm(target, release, story, clock, patience)
        target.keep(release)
    except BaseException:
        lock.check()
        if previous is not None:
            target.serve(previous)
            story.warn(f"release {previous.number} serves again")
        raise


def confirm(target: Target, release: Release, story: Story, clock: Clock, patience: Patience) -> None:
    """Return when the webserver shows exactly this release and its server has stayed alive.

    Raises RolloutFailed when the server dies, or at the deadline with what was seen last.
    """
    deadline = clock.monotonic() + patience.confirm
    told = ""
    while not _is_shown(target, release):
        _must_live(target, release)
        seen = _what_is_shown(target, release)
        if clock.monotonic() >= deadline:
            raise RolloutFailed(_not_shown(release, seen, patience.confirm))
        if seen != told:
            story.say(f"waiting up to {patience.confirm:g} s for the webserver to show it; so far: {seen}")
            told = seen
        story.check()
        target.wait(release, POLL_SECONDS)
    target.wait(release, patience.stable)
    _must_live(target, release)


def _is_shown(target: Target, release: Release) -> bool:
    try:
        shown, own = target.shown(release)
    except PlaygroundError:
        return False
    return shown.error is None and shown.server_id == own


def _must_live(target: Target, release: Release) -> None:
    observation = target.observe(release)
    if observation.status is ServerStatus.FAILED and observation.finding is not None:
        raise RolloutFailed(observation.finding)


def _what_is_shown(target: Target, release: Release) -> str:
    try:
        shown: Shown = target.shown(release)[0]
    except PlaygroundError as error:
        return error.finding.observed
    return shown.error or "the server before it"


def _not_shown(release: Release, seen: str, seconds: float) -> Finding:
    return Finding(
        kind=FindingKind.TRANSIENT,
        object=f"location/{release.location.name}",
        observed=f"{seconds:g} s after the switch to release {release.number} the webserver does not "
        f"show it: {seen.rstrip('.')}.",
        cause="The webserver is down or overloaded, or it cannot load what the server answers.",
        fix="Look at `logs webserver`; then redeploy.",
    )
