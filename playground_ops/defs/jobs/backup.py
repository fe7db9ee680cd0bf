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
        opened = stack.open()
        made = opened.target.stack.back_up(context.log.info)
    namespace = opened.configuration.kubernetes.namespace
    context.log.info(f"{made.file}: {made.bytes:,} bytes, read back by pg_restore")
    yield dg.Output(
        None,
        metadata={
            "file": made.file,
            "size": dg.IntMetadataValue(made.bytes),
            "removed": ", ".join(made.removed) or "none",
            "get it": dg.MetadataValue.md(
                f"`kubectl -n {namespace} exec svc/dagster-grpc-ops -- cat {made.file} > stack.backup`, "
                "then `restore stack.backup`"
            ),
        },
    )


@dg.job(name="backup", description="Keep the database as a file that can be restored (on Kubernetes).")
def backup_job() -> None:
    backup_op()
