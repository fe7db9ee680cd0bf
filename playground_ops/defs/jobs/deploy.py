"""The jobs about the whole stack: plan and deploy."""

from collections.abc import Callable, Iterator

import dagster as dg
from pydantic import Field

from playground_ops.config import collisions
from playground_ops.core.progress import Progress
from playground_ops.defs import metadata
from playground_ops.defs.jobs.reporting import Reported, events, explained, raise_failures, records_of
from playground_ops.defs.jobs.rollouts import requested_by
from playground_ops.defs.jobs.run_log import run_logged
from playground_ops.defs.resources import StackOpener, job_of
from playground_ops.engine import apply
from playground_ops.engine.apply import Deployed
from playground_ops.engine.context import Asker
from playground_ops.engine.planning import Asked, make_plan


class ComponentsConfig(dg.Config):
    """Which part of the stack. Nothing filled in: all of it, and nothing leaves its deployment."""

    components: list[str] = Field(
        default=[], description="Names of components: webserver, daemon, ops or a location. Empty: all."
    )
    force: bool = Field(
        default=False, description="Also move locations to another deployment, and remove one that serves."
    )

    @property
    def asked(self) -> Asked:
        return Asked(self.components, self.force)


@dg.op(name="make_plan", out=dg.Out(dg.Nothing))
def plan_op(
    context: dg.OpExecutionContext, config: ComponentsConfig, stack: dg.ResourceParam[StackOpener]
) -> Iterator[dg.Output[None]]:
    """What a deploy would change. Writes nothing."""
    with explained():
        opened = stack.open()
        plan = make_plan(opened.engine, opened.configuration, config.asked)
    context.log.info(plan.summary())
    for note in plan.notes:
        context.log.warning(note)
    for change in (*plan.changed(), *plan.needing_bootstrap()):
        fields = ", ".join(field.path for field in change.fields)
        action = f"needs bootstrap to {change.action}" if change.needs_bootstrap else change.action
        what = change.object or change.component
        context.log.info(f"{what}: {action}" + (f" ({fields})" if fields else ""))
    yield dg.Output(None, metadata=metadata.of_plan(plan))


@dg.op(name="apply_plan", out=dg.Out(dg.Nothing))
def deploy_op(
    context: dg.OpExecutionContext, config: ComponentsConfig, stack: dg.ResourceParam[StackOpener]
) -> Iterator[Reported | dg.Output[None]]:
    """Webserver and daemon to what the configuration says; every changed location by a rollout."""

    def work(progress_of: Callable[[str], Progress]) -> Deployed:
        opened = stack.open(progress_of("stack"))
        for sentence in collisions.told(opened.configuration):
            opened.engine.progress.warn(sentence)
        return apply.deploy(
            opened.engine,
            opened.configuration,
            progress_of,
            Asker(requested_by(context), "deploy", context.run_id),
            config.asked,
        )

    ended = run_logged(context.log, work)
    with explained():
        deployed = ended.result()
    if deployed.plan.is_empty:
        context.log.info("nothing to do: the stack is as the configuration says")
    failures = [error for _, error in deployed.failures]
    records = [*deployed.records, *records_of(failures)]
    yield from events(context.instance, records)
    ended.raise_if_cancelled(failures)
    raise_failures(failures, records)
    yield dg.Output(None, metadata=metadata.of_plan(deployed.plan))


plan_job = job_of(plan_op, "plan", "Show what deploy would change. Writes nothing.", ComponentsConfig)
deploy_job = job_of(
    deploy_op, "deploy", "Bring the whole stack to what the configuration says.", ComponentsConfig
)
