"""The job that gathers what a bug report needs, from inside the stack."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from playground_ops.defs.jobs.reporting import explained
from playground_ops.defs.resources import StackOpener
from playground_ops.engine.collect import entries, name_of, write

KEPT = 5
FOLDER = "collected"


@dg.op(name="collect", out=dg.Out(dg.Nothing))
def collect_op(
    context: dg.OpExecutionContext, stack: dg.ResourceParam[StackOpener]
) -> Iterator[dg.Output[None]]:
    """Write the archive beside what runs leave: on the claim of artifacts, or in the state folder."""
    with explained():
        opened = stack.open()
        folder = opened.target.stack.artifacts() / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / name_of(opened.engine.clock)
        files: list[str] = []
        size = write(entries(opened.target, opened.configuration, opened.engine.clock), path, files.append)
    removed = _older(folder)
    context.log.info(f"{path}: {len(files)} files, {size:,} bytes")
    namespace = opened.configuration.kubernetes.namespace
    fetch = f"kubectl -n {namespace} exec svc/dagster-grpc-ops -- cat {path} > {path.name}"
    yield dg.Output(
        None,
        metadata={
            "file": str(path),
            "size": dg.IntMetadataValue(size),
            "files": dg.IntMetadataValue(len(files)),
            "removed": ", ".join(removed) or "none",
            **({"get it": f"`{fetch}`"} if opened.target.name == "kubernetes" else {}),
        },
    )


def _older(folder: Path) -> list[str]:
    """Remove all archives but the last few. Returns their names."""
    old = sorted(folder.glob("playground-*.tar.gz"))[:-KEPT]
    for path in old:
        path.unlink(missing_ok=True)
    return [path.name for path in old]


@dg.job(name="collect_logs", description="Logs, events, objects and health in one archive, without secrets.")
def collect_logs_job() -> None:
    collect_op()
