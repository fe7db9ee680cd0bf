"""The job that keeps the databases as files."""

from collections.abc import Iterator

import dagster as dg

from playground_ops.core.commands import SCRIPT
from playground_ops.core.component import Backup
from playground_ops.core.model import MAIN
from playground_ops.defs.jobs.reporting import explained
from playground_ops.defs.resources import StackOpener


@dg.op(name="back_up", out=dg.Out(dg.Nothing))
def backup_op(
    context: dg.OpExecutionContext, stack: dg.ResourceParam[StackOpener]
) -> Iterator[dg.Output[None]]:
    """Write each deployment's database to the claim that outlives pods, while all goes on (on Kubernetes)."""
    with explained():
        opened = stack.open()
        made = opened.target.stack.back_up(context.log.info)
    namespace = opened.configuration.kubernetes.namespace
    for one in made:
        context.log.info(f"{one.file}: {one.bytes:,} bytes, read back by pg_restore")
    told: dict[str, dg.MetadataValue] = {}
    for one in made:
        told |= _told(one, namespace)
    yield dg.Output(None, metadata=told)


def _told(made: Backup, namespace: str) -> dict[str, dg.MetadataValue]:
    """Return the entries about a deployment's backup; those of the main one have plain labels."""
    is_main = made.deployment == MAIN
    of, option = ("", "") if is_main else (f" of {made.deployment}", f" --deployment {made.deployment}")
    restore = f"{SCRIPT} restore stack.backup{option}"
    copy = f"kubectl -n {namespace} exec svc/dagster-grpc-ops -- cat {made.file} > stack.backup"
    return {
        f"file{of}": dg.MetadataValue.text(made.file),
        f"size{of}": dg.MetadataValue.int(made.bytes),
        f"removed{of}": dg.MetadataValue.text(", ".join(made.removed) or "none"),
        f"get it{of}": dg.MetadataValue.md(
            f"`{copy}` in the folder of the stack's configvalues.yaml, then `{restore}`"
        ),
    }


@dg.job(name="backup", description="Keep each database as a file that can be restored (on Kubernetes).")
def backup_job() -> None:
    backup_op()
