"""The resource that gives ops the stack, and the flat run configuration of the jobs."""

from typing import Any

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


def run_config_of(op: str, config: type[dg.Config]) -> dg.ConfigMapping:
    """Make the op's configuration the complete run configuration of its job."""
    return dg.ConfigMapping(
        config_schema=config.to_config_schema().as_field(),
        config_fn=lambda values: {"ops": {op: {"config": _as_dict(values)}}},
    )


def _as_dict(values: Any) -> dict[str, Any]:
    return dict(values)
