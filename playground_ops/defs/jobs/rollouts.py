"""The jobs that move a code location: redeploy, rollback, promote."""

from collections.abc import Callable, Iterator

import dagster as dg
from pydantic import Field

from playground_ops.context import StackContext
from playground_ops.core.model import Action, RolloutRecord
from playground_ops.core.progress import Progress
from playground_ops.defs.jobs.reporting import Reported, events, raise_failures, records_of
from playground_ops.defs.jobs.run_log import run_logged
from playground_ops.defs.resources import StackOpener, job_of
from playground_ops.engine import apply, redeploy, rollback
from playground_ops.engine.context import Asker, Request

FOLLOW_TAG = "playground/follow"
"""A tag on runs that a `follow_...` sensor asked for."""

WHO_TAG = "playground/who"
"""A tag on runs with whoever launched them, as they say themselves."""

Ended = tuple[list[RolloutRecord], list[tuple[str, BaseException]]]


class RedeployConfig(dg.Config):
    """Which locations go to which ref. Nothing filled in: those whose ref has moved."""

    locations: list[str] = Field(
        default=[], description="Names of code locations. Empty: those whose ref has moved."
    )
    ref: str | None = Field(
        default=None, description="Branch, tag or full commit. Empty: the one in the configuration."
    )
    force: bool = Field(
        default=False, description="Also a commit that serves already or that was rejected before."
    )


class RollbackConfig(dg.Config):
    """A location goes back to a release that served before."""

    location: str = Field(description="Name of the code location.")
    to: int | None = Field(default=None, description="Number of the release. Empty: the one before.")


class PromoteConfig(dg.Config):
    """The commit that one location serves is brought to another."""

    source: str = Field(default="b", description="The location whose commit is taken.")
    destination: str = Field(default="a", description="The location that gets it; it keeps its settings.")


@dg.op(name="roll_out", out=dg.Out(dg.Nothing))
def redeploy_op(
    context: dg.OpExecutionContext, config: RedeployConfig, stack: dg.ResourceParam[StackOpener]
) -> Iterator[Reported | dg.Output[None]]:
    """Resolve, start beside what serves, check, switch, confirm; what serves stays on any failure."""
    action: Action = "follow" if FOLLOW_TAG in context.run_tags else "redeploy"
    wish = redeploy.Wish(
        locations=config.locations,
        asker=Asker(requested_by(context), action, context.run_id),
        ref=config.ref,
        force=config.force,
    )

    def work(opened: StackContext, progress_of: Callable[[str], Progress]) -> Ended:
        requests = redeploy.requests(opened.engine, opened.configuration, wish)
        if not requests:
            opened.engine.progress.say("nothing to do: no ref has moved")
        return apply.roll_out_all(opened.engine, requests, progress_of)

    yield from _rollouts(context, stack, work)


@dg.op(name="roll_back", out=dg.Out(dg.Nothing))
def rollback_op(
    context: dg.OpExecutionContext, config: RollbackConfig, stack: dg.ResourceParam[StackOpener]
) -> Iterator[Reported | dg.Output[None]]:
    """Switch back to the release that is kept warm, or start an older one anew."""

    def work(opened: StackContext, progress_of: Callable[[str], Progress]) -> Ended:
        request = _request(opened, config.location, "rollback", context)
        engine = opened.with_progress(progress_of(config.location))
        return [rollback.roll_back(engine, request, config.to)], []

    yield from _rollouts(context, stack, work)


@dg.op(name="bring_over", out=dg.Out(dg.Nothing))
def promote_op(
    context: dg.OpExecutionContext, config: PromoteConfig, stack: dg.ResourceParam[StackOpener]
) -> Iterator[Reported | dg.Output[None]]:
    """Roll the commit that one location serves out to another, through every gate."""

    def work(opened: StackContext, progress_of: Callable[[str], Progress]) -> Ended:
        request = _request(opened, config.destination, "promote", context)
        engine = opened.with_progress(progress_of(config.destination))
        return [rollback.promote(engine, request, config.source)], []

    yield from _rollouts(context, stack, work)


redeploy_job = job_of(
    redeploy_op,
    "redeploy",
    "Bring code locations to a commit; without configuration, those whose ref has moved.",
    RedeployConfig,
)
rollback_job = job_of(
    rollback_op,
    "rollback",
    "Serve an earlier release again: the one before, or a named one.",
    RollbackConfig,
)
promote_job = job_of(
    promote_op, "promote", "Bring the commit that one location serves (b) to another (a).", PromoteConfig
)


def requested_by(context: dg.OpExecutionContext) -> str:
    """Return the run and its tag about who launched it, which Dagster itself does not know."""
    run = f"run {context.run_id[:8]}"
    if who := context.run_tags.get(WHO_TAG):
        run = f"{run} of {who}"
    sensor = context.run_tags.get("dagster/sensor_name")
    return f"{run} of sensor {sensor}" if sensor else run


def _request(opened: StackContext, name: str, action: Action, context: dg.OpExecutionContext) -> Request:
    location = apply.location_named(opened.configuration, name)
    return Asker(requested_by(context), action, context.run_id).request(location)


def _rollouts(
    context: dg.OpExecutionContext,
    stack: StackOpener,
    work: Callable[[StackContext, Callable[[str], Progress]], Ended],
) -> Iterator[Reported | dg.Output[None]]:
    """Log the progress of the work, put its records into the asset graph, and fail with its cause."""
    ended = run_logged(context.log, lambda progress_of: work(stack.open(progress_of("stack")), progress_of))
    error = ended.future.exception()
    records, failed = ([], [("", error)]) if error else ended.future.result()
    failures = [error for _, error in failed]
    records = [*records, *records_of(failures)]
    yield from events(context.instance, records)
    ended.raise_if_cancelled(failures)
    raise_failures(failures, records)
    yield dg.Output(None)
