"""The switch and its confirmation: the one place where a location's address moves.

After `switch_to` either the new release serves and the webserver shows it, or what served before
serves again and the reason is raised.
"""

from collections.abc import Callable, Mapping, Sequence

from playground_ops.core.errors import Finding, PlaygroundError, RolloutFailed, transient
from playground_ops.core.model import Phase, Release, ServerStatus
from playground_ops.core.progress import WatchLeft
from playground_ops.core.target import Target
from playground_ops.engine.carrying import Carrying
from playground_ops.engine.context import Engine, RolloutContext

POLL_SECONDS = 0.2
WATCH_SECONDS = 1.0
RELOAD_SECONDS = 2.0
"""The webserver itself checks its locations once a second."""
EARLIER = "the server before it"


def switch_to(
    context: RolloutContext,
    release: Release,
    previous: Release | None,
    verify: Callable[[], None] = lambda: None,
) -> None:
    """Switch. Raises RolloutFailed after going back to `previous`, LockLost before anything was moved.

    `verify` may refuse the release once it is shown, by what it raises.
    """
    target, progress, timeouts = context.target, context.progress, context.timeouts
    progress.phase(Phase.SWITCH, f"{release.location.name} goes to release {release.number}")
    context.lock.check()
    carrying = Carrying(context, previous, release)
    webserver = target.webserver(release.location.deployment)
    known = webserver.troubles(release.location.name) if previous is not None and timeouts.watch else {}
    carrying.hold()
    try:
        target.serve(release)
        progress.phase(Phase.CONFIRM, "waiting until the webserver shows the new release")
        confirm(context, release)
        verify()
        target.keep(release)
        if previous is not None:
            carrying.finish()
            if timeouts.watch:
                progress.serves(release, timeouts.watch)
            target.settle(previous, launched=True)  # also runs launched there while the address moved
            _watch_unless_left(context, release, known)
            target.settle(previous)
    except BaseException:
        context.lock.check()
        if previous is not None:
            target.serve(previous)
            progress.warn(f"release {previous.number} serves again")
            carrying.go_back()
        raise


def confirm(engine: Engine, release: Release) -> None:
    """Return when the webserver shows exactly this release and its server has stayed alive.

    Raises RolloutFailed when the server dies, or at the deadline with what was observed last.
    """
    target, clock, timeouts = engine.target, engine.clock, engine.timeouts
    began = clock.monotonic()
    deadline, reload = began + timeouts.confirm, began + RELOAD_SECONDS
    reported = ""
    while seen := _what_else_is_shown(target, release):
        _must_live(target, release)
        if seen == EARLIER and clock.monotonic() >= reload:
            target.webserver(release.location.deployment).reload(release.location.name)
            reload += RELOAD_SECONDS
        if clock.monotonic() >= deadline:
            raise RolloutFailed(_not_shown(release, seen, timeouts.confirm))
        if seen != reported:
            engine.progress.say(
                f"waiting up to {timeouts.confirm:g} s for the webserver to show it; so far: {seen}"
            )
            reported = seen
        engine.progress.check()
        target.wait(release, POLL_SECONDS)
    target.wait(release, timeouts.stable)
    _must_live(target, release)


def _watch_unless_left(engine: Engine, release: Release, known: Mapping[str, Finding]) -> None:
    try:
        watch(engine, release, known)
    except WatchLeft:
        engine.progress.warn("left before its watch ended; it serves, and nobody watches it any more")


def watch(engine: Engine, release: Release, known: Mapping[str, Finding]) -> None:
    """Return when the release has been shown without an error for `timeouts.watch` seconds on end.

    `known`: what was not well before the switch, and is not held against the release. Raises RolloutFailed
    when its server ends, when a sensor or schedule of it or a daemon begins to fail, and when the webserver
    shows something else for longer than `timeouts.confirm`; WatchLeft.
    """
    target, clock, progress, seconds = engine.target, engine.clock, engine.progress, engine.timeouts.watch
    if not seconds:
        return
    server, webserver = target.server_id(release), target.webserver(release.location.deployment)
    end = clock.monotonic() + seconds
    while (left := end - clock.monotonic()) > 0:
        progress.check()
        target.wait(release, min(left, WATCH_SECONDS))
        _must_live(target, release)
        shown, own = webserver.shown(release.location.name), target.server_id(release)
        if server and own and own != server:
            raise RolloutFailed(_replaced(release))
        for what, finding in webserver.troubles(release.location.name).items():
            if what not in known:
                raise RolloutFailed(finding)
        if shown.error is not None or shown.server_id != own:
            confirm(engine, release)
            end = clock.monotonic() + seconds
    if silent := webserver.silent_daemons():
        progress.warn(_nothing_ticks(silent))


def _nothing_ticks(silent: Sequence[str]) -> str:
    """Return a warning only: the release is not at fault, and going back would not help."""
    return (
        f"the daemon has not been heard of for two minutes ({', '.join(silent)}): no schedule or sensor of "
        "this release was seen ticking. `logs daemon` says why"
    )


def _must_live(target: Target, release: Release) -> None:
    observation = target.observe(release)
    if observation.status is ServerStatus.FAILED and observation.finding is not None:
        raise RolloutFailed(observation.finding)


def _what_else_is_shown(target: Target, release: Release) -> str:
    """Return what the webserver shows instead; empty where it shows this release."""
    webserver = target.webserver(release.location.deployment)
    try:
        shown, own = webserver.shown(release.location.name), target.server_id(release)
    except PlaygroundError as error:
        return error.finding.observed
    return shown.error or ("" if shown.server_id == own else EARLIER)


def _replaced(release: Release) -> Finding:
    return transient(
        object=f"release/{release.name}",
        observed="Its server ended within seconds after the switch, and another process took its place.",
        cause="It ran out of memory, was killed, or its pod was deleted.",
        fix=f"Look at `logs {release.name} --previous`; then redeploy.",
    )


def _not_shown(release: Release, seen: str, seconds: float) -> Finding:
    return transient(
        object=f"location/{release.location.name}",
        observed=f"{seconds:g} s after the switch to release {release.number} the webserver does not "
        f"show it: {seen.rstrip('.')}.",
        cause="The webserver is down or overloaded, or it cannot load what the server answers.",
        fix="Look at `logs webserver`; then redeploy.",
    )
