"""The job that shows what differs between two locations, or two releases of one."""

from collections.abc import Callable, Iterator

import dagster as dg
from pydantic import Field

from playground_ops.core.progress import Progress
from playground_ops.core.redact import printable
from playground_ops.defs import metadata
from playground_ops.defs.jobs.reporting import explained
from playground_ops.defs.jobs.run_log import run_logged
from playground_ops.defs.resources import StackOpener, job_of
from playground_ops.engine.asset_sides import chosen, known
from playground_ops.engine.compare import Comparison, compare
from playground_ops.engine.compare_assets import AssetComparison, compare_assets
from playground_ops.engine.materialize import TIMEOUT_SECONDS, Wish, materialize_and_compare


class CompareConfig(dg.Config):
    """Two sides."""

    before: str = Field(default="a", description="A location, or a release of one that runs, such as a-3.")
    after: str = Field(default="b", description="What it is compared with.")
    assets: bool = Field(
        default=False, description="Compare what both locations have made, in place of their definitions."
    )
    run: bool = Field(default=False, description="Materialize in both first, and then compare as `assets`.")
    select: list[str] = Field(
        default=[],
        description="Keys of assets. Empty: all of them; with `run` those whose code version differs.",
    )
    timeout_seconds: int = Field(
        default=int(TIMEOUT_SECONDS), gt=0, description="With `run`: how long both runs may take."
    )


@dg.op(name="compare_definitions", out=dg.Out(dg.Nothing))
def compare_op(
    context: dg.OpExecutionContext, config: CompareConfig, stack: dg.ResourceParam[StackOpener]
) -> Iterator[dg.Output[None]]:
    """Definitions that were added, removed or changed; or assets, as both sides have made them."""

    def work(progress_of: Callable[[str], Progress]) -> Comparison | AssetComparison:
        opened = stack.open(progress_of("comparison"))
        names = [location.name for location in opened.configuration.all_locations]
        if not (config.assets or config.run):
            return compare(opened.target, names, config.before, config.after)
        both = known(opened.target, names, config.before, config.after)
        if config.run:
            wish = Wish(config.select, config.timeout_seconds)
            return materialize_and_compare(opened.engine, both, wish)
        return compare_assets(opened.target, both, chosen(both, config.select))

    ended = run_logged(context.log, work)
    with explained():
        found = ended.result()
    context.log.info(found.summary())
    if isinstance(found, AssetComparison):
        yield dg.Output(None, metadata=metadata.of_assets(found))
        return
    for one in found.differences:
        context.log.info(printable(f"{one.change}: {one.kind} {one.in_words()}"))
    yield dg.Output(None, metadata=metadata.of_comparison(found))


compare_job = job_of(
    compare_op,
    "compare",
    "Show what differs between two locations, or two releases of one: their definitions, or with `assets` "
    "what they have made. Writes nothing; with `run` it materializes assets in both first.",
    CompareConfig,
)
