"""On a real Kubernetes, which has to be up (`python -m tests.cluster up`): against kubectl and bare pods."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from benchmarks.figures import Figure, table
from tests.cluster.access import Access, own
from tests.cluster.cluster import Cluster
from tests.kubernetes.connections import remove_policies
from tests.kubernetes.stacks import ROOT, ClusterStack

RESULTS = Path(__file__).with_name("kubernetes.md")
TIMES, BOOTSTRAPS = 15, 3
MANY = 200


def main() -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a person's second run has its bytecode
    figures = list(measure(own(Cluster.here())))
    for figure in figures:
        print(figure.row(), file=sys.stderr)
    head = "# Measured on Kubernetes\n\nWritten by `uv run python -m benchmarks.clustered`.\n\n"
    RESULTS.write_text(head + table(figures))


def measure(access: Access) -> Sequence[Figure]:
    found = [*rendering()]
    for number in range(BOOTSTRAPS):
        with tempfile.TemporaryDirectory() as folder:
            stack = ClusterStack(access, f"measured-{number}", Path(folder))
            stack.configure()
            try:
                found += bootstrap(stack)
                if number == BOOTSTRAPS - 1:
                    found += looking(stack)
            finally:
                remove_policies(access, stack.namespace)
                access.delete_namespace(stack.namespace, wait=False)
    return merged(found)


def rendering() -> list[Figure]:
    """Whole processes: 200 locations rendered and written."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "configvalues.yaml")
        names = [{"name": f"location-{number}"} for number in range(MANY)]
        config.write_text(json.dumps({"code_locations": names}))
        command = ["-m", "playground_ops", "generate", "--force", "--config", str(config)]
        took = [
            _seconds([sys.executable, *command, "--output", f"{folder}/{number}"]) for number in range(TIMES)
        ]
    return [Figure(f"`generate` of {MANY} locations", took, bound=1.0)]


def bootstrap(stack: ClusterStack) -> list[Figure]:
    """Against the sum of what its pods took to start, one after the other."""
    began = time.perf_counter()
    stack.bootstrap()
    took = time.perf_counter() - began
    pods = [pod for kind in ("postgres", "webserver", "daemon", "location") for pod in stack.pods(kind)]
    bare = sum(_start_of(pod) for pod in pods)
    return [
        Figure("`bootstrap` of an empty namespace, all loaded", [took]),
        Figure("its pods, created until ready, summed", [bare]),
        Figure("bootstrap against the sum of its pods' starts", [took / bare], "times", bound=1.3),
    ]


def looking(stack: ClusterStack) -> list[Figure]:
    """In turns, so that a busy moment hits all of them."""
    folder = stack.folder / "deploy"
    stack_generate = ["-m", "playground_ops", "generate", "--config", str(stack.config)]
    _seconds([sys.executable, *stack_generate, "--output", str(folder)])
    (folder / "5-releases.yaml").unlink()  # a Job, which no deploy has
    kubectl = [stack.access.program, "--kubeconfig", stack.access.kubeconfig]
    ways: dict[str, Callable[[], float]] = {
        "`kubectl diff --server-side`": lambda: _seconds(
            [*kubectl, "diff", "--server-side", "--field-manager=playground-ops", "-f", str(folder)]
        ),
        "`kubectl apply --server-side`, nothing changed": lambda: _seconds(
            [*kubectl, "apply", "--server-side", "--field-manager=playground-ops", "-f", str(folder)]
        ),
        "`plan`": lambda: _asked(stack, "plan"),
        "`deploy`, nothing changed": lambda: _asked(stack, "deploy"),
        "`status`": lambda: _asked(stack, "status"),
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(TIMES):
        for name, way in ways.items():
            took[name].append(way())
    names = list(ways)
    pairs = {"plan against kubectl diff": (2, 0), "no-op deploy against kubectl apply": (3, 1)}
    ratios = {
        title: [ours / peer for ours, peer in zip(took[names[a]], took[names[b]], strict=True)]
        for title, (a, b) in pairs.items()
    }
    return [
        *(Figure(name, samples) for name, samples in took.items()),
        *(Figure(title, samples, "times") for title, samples in ratios.items()),
    ]


def merged(figures: Sequence[Figure]) -> list[Figure]:
    """One for each name, with all its samples."""
    found: dict[str, Figure] = {}
    for one in figures:
        before = found.get(one.name)
        samples = [*(before.samples if before else ()), *one.samples]
        found[one.name] = Figure(one.name, samples, one.unit, one.bound, one.judged)
    return list(found.values())


def _asked(stack: ClusterStack, command: str) -> float:
    began = time.perf_counter()
    stack.ok(command)
    return time.perf_counter() - began


def _seconds(command: Sequence[str]) -> float:
    began = time.perf_counter()
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode not in (0, 1):  # kubectl diff ends with 1 when there is a difference
        raise RuntimeError(ended.stderr)
    return time.perf_counter() - began


def _start_of(pod: dict[str, object]) -> float:
    """Seconds from its creation to its readiness; the API server tells whole ones."""
    found = json.loads(json.dumps(pod))
    ready = next(one for one in found["status"]["conditions"] if one["type"] == "Ready")
    return (
        _time(ready["lastTransitionTime"]) - _time(found["metadata"]["creationTimestamp"])
    ).total_seconds()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


if __name__ == "__main__":
    main()
