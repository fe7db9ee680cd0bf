"""The resource that gives ops the stack, and the jobs of one op with their flat run configuration."""

import dagster as dg

from playground_ops.context import StackContext, open_stack
from playground_ops.core.progress import Progress

LOCK_SECONDS = 900.0
"""Seconds that a run waits for another rollout of the same location before it fails naming the holder."""


class StackOpener:
    """Reads the configuration when it is opened, so that a run acts on what the file says by then."""

    def open(self, progress: Progress | None = None) -> StackContext:
        """Open the stack. Raises BadInput with every fault of the configuration file."""
        return open_stack(progress=progress, lock_seconds=LOCK_SECONDS)


def job_of(op: dg.OpDefinition, name: str, description: str, config: type[dg.Config]) -> dg.JobDefinition:
    """Return the job of one op, whose configuration is the complete run configuration of the job."""
    mapping = dg.ConfigMapping(
        config_schema=config.to_config_schema().as_field(),
        config_fn=lambda values: {"ops": {op.name: {"config": dict(values)}}},
    )

    @dg.job(name=name, config=mapping, description=description)
    def job() -> None:
        op()

    return job
