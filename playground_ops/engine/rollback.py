"""Going back to a release that served before, and bringing one location's commit to another."""

from __future__ import annotations

from dataclasses import replace

from playground_ops.core import decisions
from playground_ops.core.errors import BadInput, Finding, FindingKind
from playground_ops.core.model import (
    LiveRelease,
    Location,
    Phase,
    Release,
    ReleaseState,
    RolloutRecord,
    ServerStatus,
)
from playground_ops.core.request import Request
from playground_ops.core.target import Lock
from playground_ops.engine.gates import may_go_there
from playground_ops.engine.journal import Journal
from playground_ops.engine.recovery import recover, retire_all_but_the_last
from playground_ops.engine.rollout import Engine, Rollout
from playground_ops.engine.switching import switch_to


def roll_back(engine: Engine, request: Request, to: int | None) -> RolloutRecord:
    """Serve release `to` (None: the one before the serving one; where nothing serves, the last one) again.

    A release that is still warm is switched to at once; one that was drained is started anew, as a
    new release of the same commit and configuration, through every gate.
    Raises BadInput when there is nothing to go back to, RolloutFailed, LockHeld.
    """
    name = request.location.name
    with _patient(engine).locked(request) as lock:
        recover(engine.target, lock, name, engine.progress, engine.clock, engine.timeouts)
        live = engine.target.releases(name)
        choice = _choose(engine, name, to)
        warm = next((found for found in live if found.release.number == choice.number), None)
        if warm is not None and warm.state is ReleaseState.SERVING:
            return Journal(engine.target, engine.progress, engine.clock, request).unchanged()
        if warm is not None and _is_ready(engine, warm):
            return _go_back(engine, lock, request, choice, decisions.serving(live))
        engine.progress.say(f"release {choice.number} is no longer running; starting its commit anew")
        again = Request(
            location=choice.location,
            configuration=choice.configuration,
            by=request.by,
            action="rollback",
            revision=choice.revision,
            rollback_of=choice.rollback_of or choice.number,
            force=True,
            run_id=request.run_id,
        )
        return Rollout(engine, lock, again).run()


def _patient(engine: Engine) -> Engine:
    """Who flees from a release that is still being watched waits for that to end."""
    timeouts = engine.timeouts
    watched = timeouts.watch + timeouts.confirm if timeouts.watch else 0.0
    return replace(engine, timeouts=replace(timeouts, lock=max(timeouts.lock, watched)))


def _is_ready(engine: Engine, warm: LiveRelease) -> bool:
    if warm.state is not ReleaseState.RETIRED:
        return False
    return engine.target.observe(warm.release).status is ServerStatus.READY


def _choose(engine: Engine, name: str, to: int | None) -> Release:
    records = engine.target.records(name)
    now = decisions.serving(engine.target.releases(name))
    if to is not None:
        choice = decisions.release_numbered(records, to)
    else:
        choice = decisions.rollback_choice(records, now.release) if now else decisions.last_done(records)
    if choice is None:
        raise BadInput(_nothing_to_go_back_to(name, to))
    return choice


def _go_back(
    engine: Engine, lock: Lock, request: Request, release: Release, now: LiveRelease | None
) -> RolloutRecord:
    journal = Journal(engine.target, engine.progress, engine.clock, request)
    journal.began_from(now)
    journal.resolved(release.revision)
    try:
        journal.went_back_to(release)
        switch_to(
            engine.target,
            lock,
            release,
            now.release if now else None,
            journal,
            engine.clock,
            replace(engine.timeouts, watch=0.0),  # it has been watched when it was new
        )
    except BaseException as error:
        lock.check()
        journal.failed(error, engine.target.tail(release, 40))
        raise
    journal.phase(Phase.RETIRE, "keeping the release one came from warm")
    retire_all_but_the_last(engine.target, release.location.name)
    return journal.done()


def promote(engine: Engine, request: Request, source: str) -> RolloutRecord:
    """Bring the commit that `source` serves to `request.location`, which keeps its own settings.

    Raises BadInput when `source` serves nothing; otherwise as `roll_out`.
    """
    serving = decisions.serving(engine.target.releases(source))
    if serving is None:
        raise BadInput(_serves_nothing(source))
    release = serving.release
    may_go_there([request.location], release.revision.ref or release.location.ref)
    location = _with_code_of(request.location, release.location)
    return engine.roll_out(
        Request(
            location=location,
            configuration=request.configuration,
            by=request.by,
            action="promote",
            revision=release.revision,
            force=request.force,
            run_id=request.run_id,
        )
    )


def _with_code_of(location: Location, source: Location) -> Location:
    pod = location.pod
    if source.in_image or location.in_image:
        pod = pod.model_copy(update={"image": source.pod.image})
    return location.model_copy(
        update={
            "repository": source.repository,
            "in_image": source.in_image,
            "pod": pod,
            "subdirectory": source.subdirectory,
            "module": source.module,
            "dependencies": source.dependencies,
        }
    )


def _nothing_to_go_back_to(name: str, to: int | None) -> Finding:
    what = "no earlier release that served" if to is None else f"no release {to} that ever served"
    return Finding(
        kind=FindingKind.CERTAIN,
        object=f"location/{name}",
        observed=f"There is {what}.",
        cause="A rollback goes to a release that served before.",
        fix=f"`history {name}` lists them.",
    )


def _serves_nothing(source: str) -> Finding:
    return Finding(
        kind=FindingKind.CERTAIN,
        object=f"location/{source}",
        observed="It serves no release, so there is nothing to promote.",
        cause="The location was never rolled out, or the stack is not deployed.",
        fix="Run `deploy` first, or name another location.",
    )
