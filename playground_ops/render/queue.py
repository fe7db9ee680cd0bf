"""Dagster's run queue: how often it is looked at, and how many runs are under way at once."""

from __future__ import annotations

from playground_ops.config import Configuration
from playground_ops.config.configuration import TagLimit
from playground_ops.render.names import Object, present

COORDINATOR: Object = {"module": "dagster._core.run_coordinator", "class": "QueuedRunCoordinator"}


def run_coordinator(configuration: Configuration) -> Object:
    """Of dagster.yaml."""
    queue = configuration.run_queue
    config = {
        "dequeue_interval_seconds": configuration.daemon.dequeue_interval_seconds,
        "max_concurrent_runs": queue.max_concurrent_runs,
        **present(tag_concurrency_limits=[_limit(one) for one in queue.tag_concurrency_limits]),
    }
    return {**COORDINATOR, "config": config}


def _limit(one: TagLimit) -> Object:
    value = {"applyLimitPerUniqueValue": True} if one.per_unique_value else one.value
    return {"key": one.key, **({} if value is None else {"value": value}), "limit": one.limit}
