"""The job that shows what differs between two locations, or two releases of one."""

from collections.abc import Iterator

import dagster as dg
from pydantic import Field

from playground_ops.defs import metadata
from playground_ops.defs.jobs.reporting import explained
from playground_ops.defs.resources import StackOpener, job_of
from playground_ops.engine.compare import compare


class CompareConfig(dg.Config):
    """Two sides."""

    before: str = Field(default="a", description="A location, or a release of one that runs, such as a-3.")
    after: str = Field(default="b", description="What it is compared with.")


@dg.op(name="compare_definitions", out=dg.Out(dg.Nothing))
def compare_op(
    context: dg.OpExecutionContext, config: CompareConfig, stack: dg.ResourceParam[StackOpener]
) -> Iterator[dg.Output[None]]:
    """Assets, checks, jobs, schedules, sensors and resources that were added, removed or changed."""
    with explained():
        opened = stack.open()
        names = [location.name for location in opened.configuration.all_locations]
        found = compare(opened.target, names, config.before, config.after)
    context.log.info(found.summary())
    for one in found.differences:
        fields = ", ".join(field.path for field in one.fields)
        context.log.info(f"{one.change}: {one.kind} {one.name}" + (f" ({fields})" if fields else ""))
    yield dg.Output(None, metadata=metadata.of_comparison(found))


compare_job = job_of(
    compare_op,
    "compare",
    "Show what differs between two locations, or two releases of one. Writes nothing.",
    CompareConfig,
)
