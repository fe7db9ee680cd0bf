"""The job that keeps the database as a file."""

from collections.abc import Iterator

import dagster as dg

from playground_ops.defs.jobs.reporting import explained
from playground_ops.defs.resources import StackOpener


@dg.op(name="back_up", out=dg.Out(dg.Nothing))
def backup_op(
    context: dg.OpExecutionContext, stack: dg.ResourceParam[StackOpener]
) -> Iterator[dg.Output[None]]:
    """Write the database to the claim that outlives pods, while the stack goes on (on Kubernetes)."""
    with explained():
        made = stack.open().target.stack.back_up(context.log.info)
    context.log.info(f"{made.file}: {made.bytes:,} bytes, read back by pg_restore")
    yield dg.Output(
        None,
        metadata={
            "file": made.file,
            "size": dg.IntMetadataValue(made.bytes),
            "removed": ", ".join(made.removed) or "none",
            "get it": dg.MetadataValue.md(
                f"`kubectl exec deploy/dagster-webserver -- cat {made.file} > stack.backup`, then `restore`"
            ),
        },
    )


@dg.job(name="backup", description="Keep the database as a file that `restore` takes (on Kubernetes).")
def backup_job() -> None:
    backup_op()
