"""Measures what the stack costs beyond Dagster's own processes, while nothing happens."""

from __future__ import annotations

import time

import psutil

from benchmarks.figures import Figure
from playground_ops.targets.local.control import Control
from tests.stacks import Stack

SECONDS = 30.0


def measure(stack: Stack) -> list[Figure]:
    supervisor = psutil.Process(Control(stack.state).hello()["pid"])
    before = sum(supervisor.cpu_times()[:2])
    time.sleep(SECONDS)
    used = 100 * (sum(supervisor.cpu_times()[:2]) - before) / SECONDS
    memory = supervisor.memory_info().rss / 1e6
    return [
        Figure("supervisor, CPU while nothing happens", [used], "%", 0.5, "max"),
        Figure("supervisor, memory", [memory], "MB", 60.0, "max"),
    ]
