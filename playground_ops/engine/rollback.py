"""Rolls back to a release that served before, and promotes one location's commit to another."""

from dataclasses import replace

from playground_ops.core import decisions, served
from playground_ops.core.errors import BadInput, Finding, certain
from playground_ops.core.model import (
    LiveRelease,
    Location,
    Phase,
    Release,
    ReleaseState,
    RolloutRecord,
    ServerStatus,
)
from playground_ops.core.redact import redact
from playground_ops.core.target import Target
from playground_ops.engine.changing import changes_on_record
from playground_ops.engine.context import Asker, Engine, Origin, Request, RolloutContext
from playground_ops.engine.gates import may_go_there
from playground_ops.engine.journal import Journal
from playground_ops.engine.recovery import recover, retire_old_ones
from playground_ops.engine.rollout import Rollout, roll_out
from playground_ops.engine.switching import switch_to


def roll_back(engine: Engine, request: Request, to: int | None) -> RolloutRecord:
    """Serve release `to` again. None: what served before the serving one; where nothing serves, the last one.

    A release that is still warm is switched to at once; one that was drained is started anew, as a new
    release of the same commit and configuration, through every gate. Raises BadInput when there is nothing to
    go back to, RolloutFailed, LockHeld.
    """
    name = request.location.name
    request = replace(request, action="rollback")  # by which the records tell it from a rollout
    with _outlasting_a_watch(engine).locked(request) as context:
        before = recover(context, name)
        live = before.releases(name)
        choice = _choose(before, request.location, to)
        warm = next((found for found in live if found.release.number == choice.number), None)
        if warm is not None and warm.state is ReleaseState.SERVING:
            return Journal(context, request).unchanged()
        if warm is not None and _is_ready(engine, warm):
            return _go_back(context, before, request, choice)
        engine.progress.say(f"release {choice.number} is no longer running; starting its commit anew")
        asker = Asker(request.by, request.action, request.run_id)
        again = asker.again(choice, rollback_of=choice.rollback_of or choice.number, force=True)
        return Rollout(context, before, again).run()


def _outlasting_a_watch(engine: Engine) -> Engine:
    """Return an engine that waits for the lock until a rollout's watch of its release has ended."""
    timeouts = engine.timeouts
    watched = timeouts.watch + timeouts.confirm if timeouts.watch else 0.0
    return engine.waiting(lock=max(timeouts.lock, watched))


def _is_ready(engine: Engine, warm: LiveRelease) -> bool:
    if warm.state is not ReleaseState.RETIRED:
        return False
    return engine.target.observe(warm.release).status is ServerStatus.READY


def _choose(target: Target, location: Location, to: int | None) -> Release:
    name = location.name
    records, live = target.records(name), target.releases(name)
    if to is None:
        choice = served.rollback_choice(records, live)
    else:
        choice = decisions.release_numbered(served.completed(records, live), to)
    if choice is None:
        raise BadInput(_nothing_to_go_back_to(name, to, served.kept_warm(records, live)))
    now = decisions.serving(live)
    there = now.release.location.deployment if now else location.deployment
    if choice.location.deployment != there:
        raise BadInput(_is_of_another_deployment(choice, there))
    return choice


def _go_back(context: RolloutContext, before: Target, request: Request, release: Release) -> RolloutRecord:
    """Switch to a warm release; `before` is the target as it was when the rollback began."""
    name = release.location.name
    live = before.releases(name)
    now = decisions.serving(live)
    journal = Journal(context, request)
    journal.began_from(now)
    journal.resolved(release.revision)
    # It was watched when it was new.
    journaled = replace(context, progress=journal, timeouts=replace(context.timeouts, watch=0.0))
    if now is not None:
        journal.compared(changes_on_record(before.records(name), now.release, release))
    try:
        journal.went_back_to(release)
        switch_to(journaled, release, now.release if now else None)
    except BaseException as error:
        context.lock.check()
        journal.failed(error, context.target.tail(release, 40))
        raise
    journal.phase(Phase.RETIRE, "keeping the release one came from warm")
    retire_old_ones(context.target, served.switched(live, release), journal.with_this(before.records(name)))
    return journal.done()


def promote(engine: Engine, request: Request, source: str) -> RolloutRecord:
    """Bring the commit that `source` serves to `request.location`, which keeps its own settings.

    It is fetched from the location's own repository. Only a location that has none, as it serves this
    project's own packages or an image, gets the place of the code too. Raises BadInput when `source` serves
    nothing that a repository can have; otherwise as `roll_out`.
    """
    serving = decisions.serving(engine.target.releases(source))
    if serving is None:
        raise BadInput(_serves_nothing(source))
    release, location, revision = serving.release, request.location, serving.release.revision
    may_go_there([location], revision.ref or release.location.ref)
    if location.repository is None:
        location = _with_code_of(location, release.location)
    elif revision.repository is None:
        raise BadInput(_is_no_commit(location, release))
    else:
        own = engine.target.resolve(location, revision.commit)  # in its own spelling; nothing is asked
        revision = revision.model_copy(update={"repository": own.repository})
    origin = Origin(source, release.revision.repository)
    return roll_out(engine, replace(request, location=location, revision=revision, origin=origin))


def _with_code_of(location: Location, source: Location) -> Location:
    pod = location.pod
    if source.in_image or location.in_image:
        pod = pod.model_copy(update={"image": source.pod.image})
    return location.model_copy(
        update={
            "repository": source.repository,
            "git_secret": source.git_secret,
            "in_image": source.in_image,
            "pod": pod,
            "subdirectory": source.subdirectory,
            "module": source.module,
            "attribute": source.attribute,
            "dependencies": source.dependencies,
        }
    )


def _nothing_to_go_back_to(name: str, to: int | None, warm: LiveRelease | None) -> Finding:
    what = "no earlier release that served" if to is None else f"no release {to} that ever served"
    return certain(
        object=f"location/{name}",
        observed=f"There is {what}.",
        cause="A rollback goes to a release that served before.",
        fix=f"`history {name}` lists them.{_way_to(warm)}",
    )


def _is_of_another_deployment(choice: Release, there: str) -> Finding:
    name, was = choice.location.name, choice.location.deployment
    return certain(
        object=f"location/{name}",
        observed=f"Release {choice.number} served in deployment {was}; {name} is in {there} now.",
        cause="A rollback stays in the deployment: runs and history of that release are in another database.",
        fix=f"`redeploy {name} --ref {choice.revision.commit}` brings its commit to {there}.",
    )


def _way_to(warm: LiveRelease | None) -> str:
    if warm is None:
        return ""
    name, number = warm.release.location.name, warm.release.number
    return f" Release {number} still runs: `rollback {name} --to {number}` goes there."


def _is_no_commit(location: Location, source: Release) -> Finding:
    image = source.location.in_image
    has = f"the image {image.image}" if image else "this project's own packages"
    return certain(
        object=f"location/{location.name}",
        observed=f"It can't get what {source.location.name} serves: that is {has}, and no commit.",
        cause=f"A promotion moves a commit, and {location.name} keeps its own repository, "
        f"{redact(location.repository or '')}.",
        fix=f"Give {source.location.name} a repository, or configure {location.name} like it.",
    )


def _serves_nothing(source: str) -> Finding:
    return certain(
        object=f"location/{source}",
        observed="It serves no release, so there is nothing to promote.",
        cause="The location was never rolled out, or the stack is not deployed.",
        fix="Run `deploy` first, or name another location.",
    )
