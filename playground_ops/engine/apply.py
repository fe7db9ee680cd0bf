"""Brings the complete stack to what the configuration says."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from playground_ops.config import OPS, Configuration
from playground_ops.core import decisions
from playground_ops.core.errors import BadInput, Finding, PlaygroundError, RolloutFailed, transient
from playground_ops.core.model import Location, Revision, RolloutRecord
from playground_ops.core.plan import Change, Plan
from playground_ops.core.progress import Progress, RolloutCancelled
from playground_ops.core.relocation import has_same_code
from playground_ops.engine import relocation
from playground_ops.engine.collisions import in_turn
from playground_ops.engine.context import Asker, Engine, Request, RunRemotely
from playground_ops.engine.naming import unknown
from playground_ops.engine.planning import WHOLE, Asked, planned
from playground_ops.engine.recovery import bring_back
from playground_ops.engine.rollout import roll_out
from playground_ops.engine.switching import confirm

FIRST_CONFIRM_SECONDS = 120.0
"""A rollout beside a starting webserver waits for it to come up before it can be confirmed."""
QUIET_SECONDS, MOST_SECONDS = 120.0, 600.0
"""Seconds without anything new from a starting component, and in all. A daemon waits a minute for a location
that does not answer before it starts; a Deployment's own progressDeadlineSeconds is 600."""
SHOWN_SECONDS = 10.0
ANOTHER_SECONDS = 900.0
"""Seconds that a deploy of all components waits for somebody else's rollouts: two are as good as one."""


@dataclass(frozen=True)
class Deployed:
    plan: Plan
    records: tuple[RolloutRecord, ...]
    failures: tuple[tuple[str, BaseException], ...]


T = TypeVar("T")

ProgressOf = Callable[[str], Progress]
"""Returns the progress of each location's rollout, by name: several are reported at once."""


def deploy(
    engine: Engine,
    configuration: Configuration,
    progress_of: ProgressOf,
    asker: Asker,
    asked: Asked = WHOLE,
) -> Deployed:
    """Apply the plan: webserver and daemon, then every changed location at once, each by a rollout.

    Limits are widened before the rollouts and narrowed after them, unless `ops` itself failed: what serves
    then acts on what was before. A location that fails leaves its serving release and does not stop the
    others; its error is in `failures`. A no-op writes nothing. Raises as `make_plan`, and LockHeld.
    """
    whole, plan, moves = planned(engine, configuration, asked)
    changed = plan.changed()
    if not changed:
        if not asked.components:
            _clear_an_old_mark(engine, asker)
        return Deployed(plan, (), ())
    stack, say = engine.target.stack, engine.progress.say
    with stack.deploying(asker.by):
        relocation.take_out(engine, moves, configuration, asker)
        stack.apply(configuration, whole, changed, say)
        if engine.run_remotely is not None:
            deployed = _deployed_remotely(engine, engine.run_remotely, plan, asked)
        else:
            deployed = _rolled_out(engine, configuration, plan, progress_of, asker)
        if OPS.name not in {name for name, _ in deployed.failures}:
            stack.finish(configuration, changed, say)  # else what serves still acts on what was before
        wait_until_ready(engine)
        if engine.run_remotely is None:
            _have_shown(engine, [change.component for change in changed if _is_rollout(change)])
    return deployed


def _clear_an_old_mark(engine: Engine, asker: Asker) -> None:
    """Clear the mark of a deploy that died, where nothing of it is left to do."""
    left = engine.target.stack.deploy_under_way()
    if left is not None and not left.is_alive:
        with engine.target.stack.deploying(asker.by):
            engine.progress.say(
                f"a deploy by {left.by} was not ended; of what it began nothing is left to do"
            )


def _rolled_out(
    engine: Engine, configuration: Configuration, plan: Plan, progress_of: ProgressOf, asker: Asker
) -> Deployed:
    changed = plan.changed()
    requests = [_request(engine, configuration, change, asker) for change in changed if _is_rollout(change)]
    usual = engine.timeouts
    longer = engine.waiting(
        confirm=max(usual.confirm, FIRST_CONFIRM_SECONDS), lock=max(usual.lock, ANOTHER_SECONDS)
    )
    records: list[RolloutRecord] = []
    failures: list[tuple[str, BaseException]] = []
    for several in in_turn(engine, configuration, requests):
        done, failed = roll_out_all(longer, several, progress_of)
        records, failures = records + done, failures + failed
    stopped = [_request(engine, configuration, change, asker) for change in changed if _is_stopped(change)]
    failures += _all_at_once(longer, stopped, progress_of, bring_back)[1]
    for change in changed:
        if change.action == "delete" and change.kind == "location":
            engine.target.stack.withdraw(change.component)
    return Deployed(plan, tuple(records), tuple(failures))


def _deployed_remotely(engine: Engine, run_remotely: RunRemotely, plan: Plan, asked: Asked) -> Deployed:
    """Repeat the deploy inside the cluster, where the rollouts can be made: it finds the rest done."""
    moved = [found for found in plan.changed() if found.kind == "location" and found.object is None]
    before = {found.component: _last(engine, found.component) for found in moved}
    code = 0
    if moved:
        named = ["--components", ",".join(asked.components)] if asked.components else []
        code = run_remotely(["deploy", "--progress-only", *named, *(["--force"] if asked.force else [])])
    after = [_last(engine, found.component) for found in moved if found.action != "delete"]
    records = tuple(found for found in after if found and found != before[found.location])
    failures = tuple(
        (found.location, RolloutFailed(found.finding)) for found in records if found.finding is not None
    )
    unreported = {found.component for found in moved if found.action != "delete" and code}
    unreported -= {found.location for found in records if found.outcome is not None}
    lost = tuple((name, PlaygroundError(_not_rolled_out(name))) for name in sorted(unreported))
    return Deployed(plan, records, (*failures, *lost))


def _last(engine: Engine, location: str) -> RolloutRecord | None:
    return next(iter(reversed(engine.target.records(location))), None)


def roll_out_all(
    engine: Engine, requests: Sequence[Request], progress_of: ProgressOf
) -> tuple[list[RolloutRecord], list[tuple[str, BaseException]]]:
    """Roll several locations out at once; a failure of one does not stop the others."""
    return _all_at_once(engine, requests, progress_of, roll_out)


def _all_at_once(
    engine: Engine, requests: Sequence[Request], progress_of: ProgressOf, work: Callable[[Engine, Request], T]
) -> tuple[list[T], list[tuple[str, BaseException]]]:
    def one(request: Request) -> T:
        return work(replace(engine, progress=progress_of(request.location.name)), request)

    records: list[T] = []
    failures: list[tuple[str, BaseException]] = []
    with ThreadPoolExecutor(max_workers=max(1, len(requests))) as pool:
        futures = [(request.location.name, pool.submit(one, request)) for request in requests]
        for name, future in futures:
            try:
                records.append(future.result())
            except (PlaygroundError, RolloutCancelled) as error:
                failures.append((name, error))
    return records, failures


def wait_until_ready(engine: Engine) -> None:
    """Wait for webserver and daemon. Raises PlaygroundError saying which is not ready and why.

    The deadline starts again with every step, as the progress deadline of a Deployment: a component that
    comes up slowly is waited for. A repeated state is no step: a component that keeps ending makes none.
    """
    began = moved = engine.clock.monotonic()
    seen: set[tuple[str, str]] = set()
    reported = ""
    while True:
        found = [status for status in engine.target.stack.component_status() if status.kind != "location"]
        waiting = [status for status in found if not status.ready]
        if not waiting:
            return
        now = engine.clock.monotonic()
        shown = {(status.name, "" if status.ready else status.message) for status in found}
        if shown - seen:
            seen, moved = seen | shown, now
        if now >= min(moved + QUIET_SECONDS, began + MOST_SECONDS):
            raise PlaygroundError(
                *(_not_ready(status.name, status.message, now - began) for status in waiting)
            )
        message = "; ".join(f"{status.name}: {status.message}" for status in waiting)
        if message != reported:
            engine.progress.say(f"waiting for {message}")
            reported = message
        engine.progress.check()
        engine.target.stack.wait_for_change(1.0)


def _have_shown(engine: Engine, locations: Sequence[str]) -> None:
    """Have the webserver show what serves: one started during a switch may have seen the earlier server."""
    brief = engine.waiting(confirm=SHOWN_SECONDS)
    for name in locations:
        now = decisions.serving(engine.target.releases(name))
        if now is not None:
            with suppress(PlaygroundError):  # the rollout is done; what is shown is for `health` to report
                confirm(brief, now.release)


def location_named(configuration: Configuration, name: str) -> Location:
    """Return the location. Raises BadInput, naming the locations there are."""
    for location in configuration.all_locations:
        if location.name == name:
            return location
    raise BadInput(unknown("component", name, [one.name for one in configuration.all_locations]))


def _is_rollout(change: Change) -> bool:
    is_release = change.kind == "location" and change.object is None
    return is_release and change.action in ("create", "update") and not _is_stopped(change)


def _is_stopped(change: Change) -> bool:
    """Return whether a location only lacks its process: it serves what it should (after `down`, a reboot)."""
    return (
        change.kind == "location"
        and change.action == "update"
        and [field.path for field in change.fields] == ["process"]
    )


def _request(engine: Engine, configuration: Configuration, change: Change, asker: Asker) -> Request:
    location = location_named(configuration, change.component)
    return asker.request(location, revision=_as_before(engine, location))


def _as_before(engine: Engine, location: Location) -> Revision | None:
    """Return the serving commit where the same ref is still configured: a changed setting keeps the commit.

    So does a change of its deployment, which leaves it serving nothing. None: the ref decides. A location
    without a repository serves what this project has now, and the settings of `ops` from git come with its
    commit.
    """
    now = decisions.serving(engine.target.releases(location.name))
    if location.repository is None or location.name == OPS.name:
        return None
    release = now.release if now else relocation.came_from(engine, location)
    return release.revision if release and has_same_code(release, location) else None


def _not_rolled_out(name: str) -> Finding:
    return transient(
        object=f"location/{name}",
        observed="Its rollout left no record.",
        cause="What rolls out inside the cluster ended before it came to this location; its words are above.",
        fix="Run the command again.",
    )


def _not_ready(name: str, message: str, seconds: float) -> Finding:
    return transient(
        object=f"component/{name}",
        observed=f"It is not ready after {seconds:.0f} s: {message}",
        cause="It is slow to start, or it keeps ending.",
        fix=f"`logs {name}` shows its own words.",
    )
