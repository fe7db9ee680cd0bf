"""Measures how cost grows with the number of code locations, on a real Kubernetes that is up."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.clustered import DIFF, asking, by, in_turns, kubectl_ways
from benchmarks.figures import MEASURED, Figure, table
from tests.cluster.access import own
from tests.cluster.cluster import Cluster
from tests.kubernetes.connections import remove_policies
from tests.kubernetes.stacks import ClusterStack

RESULTS = MEASURED / "kubernetes-many.md"
SIZES, TIMES = (2, 10, 25, 50), 5
LONGEST_START_SECONDS = 900
"""Fifteen servers and more start at once on two cores."""
COMMANDS = ("plan", "deploy", "status", "health")


def main() -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a person's second run has its bytecode
    access, figures = own(Cluster.here()), list[Figure]()
    with tempfile.TemporaryDirectory() as folder:
        stack = ClusterStack(access, "many", Path(folder))
        try:
            for size in SIZES:
                figures += _grown(stack, size)
        finally:
            remove_policies(access, stack.namespace)
            access.delete_namespace(stack.namespace, wait=True)
    for figure in figures:
        print(figure.row(), file=sys.stderr)
    head = "# Many code locations on one node\n\nWritten by `uv run python -m benchmarks.many`.\n\n"
    RESULTS.write_text(head + table(figures))


def _grown(stack: ClusterStack, size: int) -> list[Figure]:
    """Deploy that many tiny servers of this project's own package, and measure."""
    names = [f"location-{number}" for number in range(size)]
    stack.configure(
        code_locations=[{"name": name, "startup_timeout_seconds": LONGEST_START_SECONDS} for name in names]
    )
    began = time.perf_counter()
    done = stack.run(module="playground_ops.bootstrap", timeout_seconds=LONGEST_START_SECONDS)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    print(f"{size} locations: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    ways = {**{name: asking(stack, name) for name in COMMANDS}, DIFF: kubectl_ways(stack)[DIFF]}
    took = in_turns(ways, TIMES)
    return [
        *(Figure(f"`{name}`, {size} locations", took[name], bound=5.0) for name in COMMANDS),
        Figure(f"{DIFF}, {size} locations", took[DIFF]),
        Figure(f"`plan` against {DIFF}, {size} locations", by(took["plan"], took[DIFF]), "times"),
    ]


if __name__ == "__main__":
    main()
