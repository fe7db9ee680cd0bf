"""Measures on a real Kubernetes that is up (`python -m tests.cluster up`): against kubectl and bare pods."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from benchmarks import helm
from benchmarks.figures import MEASURED, Figure, table
from tests.cluster.access import Access, own
from tests.cluster.cluster import Cluster
from tests.kubernetes.connections import remove_policies
from tests.kubernetes.stacks import ClusterStack

RESULTS = MEASURED / "kubernetes.md"
TIMES, BOOTSTRAPS = 15, 3
MANY = 200
DIFF, APPLY, UPGRADE = "`kubectl diff --server-side`", "`kubectl apply --server-side`", "`helm upgrade`"
Way = Callable[[], float]
"""Returns the seconds that it took."""


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
    """Measure complete processes that render and write 200 locations."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "configvalues.yaml")
        names = [{"name": f"location-{number}"} for number in range(MANY)]
        config.write_text(json.dumps({"code_locations": names}))
        command = [sys.executable, "-m", "playground_ops", "generate", "--force", "--config", str(config)]
        peer = helm.chart(config, Path(folder, "chart")) if helm.PROGRAM else None
        ours, theirs = [], []
        for number in range(TIMES):
            ours.append(helm.seconds([*command, "--output", f"{folder}/{number}"]))
            theirs += [helm.template(peer)] if peer else []
    found = [Figure(f"`generate` of {MANY} locations", ours, bound=1.0)]
    return [*found, *([Figure("`helm template` of the same objects", theirs)] if theirs else [])]


def bootstrap(stack: ClusterStack) -> list[Figure]:
    """Compare it with the sum of the times that its pods took to start, one after the other."""
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
    ways = {
        **kubectl_ways(stack),
        **{f"`{name}`": asking(stack, name) for name in ("plan", "deploy", "status")},
    }
    with _helm(stack) as peer:
        ways |= peer
        took = in_turns(ways, TIMES)
    pairs = (("`plan`", DIFF), ("`deploy`", APPLY), ("`deploy`", UPGRADE))
    ratios = [
        Figure(f"{ours} against {peer}", by(took[ours], took[peer]), "times", bound=1.0)
        for ours, peer in pairs
        if peer in took
    ]
    return [*(Figure(f"{name}, nothing changed", samples) for name, samples in took.items()), *ratios]


def in_turns(ways: Mapping[str, Way], times: int) -> dict[str, list[float]]:
    """Measure in turns, so that a busy time affects all of them."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(times):
        for name, way in ways.items():
            took[name].append(way())
    return took


def by(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    return [one / peer for one, peer in zip(ours, theirs, strict=True)]


def kubectl_ways(stack: ClusterStack) -> dict[str, Way]:
    """Return kubectl commands with the objects that `generate` writes."""
    folder = stack.folder / "deploy"
    generate = ["-m", "playground_ops", "generate", "--config", str(stack.config), "--output", str(folder)]
    helm.seconds([sys.executable, *generate, "--force"])
    (folder / "5-releases.yaml").unlink()  # a Job, which no deploy has
    kubectl = [stack.access.program, "--kubeconfig", stack.access.kubeconfig]
    server_side = ["--server-side", "--field-manager=playground-ops", "-f", str(folder)]
    return {
        DIFF: lambda: helm.seconds([*kubectl, "diff", *server_side], ends=(0, 1)),
        APPLY: lambda: helm.seconds([*kubectl, "apply", *server_side]),
    }


@contextmanager
def _helm(stack: ClusterStack) -> Iterator[dict[str, Way]]:
    """Install the same objects in another namespace; their pods wait for a Secret that nobody makes."""
    if helm.PROGRAM is None:
        yield {}
        return
    other = ClusterStack(stack.access, f"{stack.namespace}-helm", stack.folder / "helm")
    other.folder.mkdir()
    other.configure()
    made = helm.chart(other.config, other.folder / "chart")
    try:
        helm.upgrade(stack.access, made, other.namespace, "--create-namespace")
        yield {UPGRADE: lambda: helm.upgrade(stack.access, made, other.namespace)}
    finally:
        remove_policies(stack.access, other.namespace)
        stack.access.delete_namespace(other.namespace, wait=False)


def asking(stack: ClusterStack, command: str) -> Way:
    def seconds() -> float:
        began = time.perf_counter()
        stack.ok(command)
        return time.perf_counter() - began

    return seconds


def merged(figures: Sequence[Figure]) -> list[Figure]:
    """Return one figure for each name, with all its samples."""
    found: dict[str, Figure] = {}
    for one in figures:
        before = found.get(one.name)
        samples = [*(before.samples if before else ()), *one.samples]
        found[one.name] = Figure(one.name, samples, one.unit, one.bound, one.judged)
    return list(found.values())


def _start_of(pod: dict[str, object]) -> float:
    """Return the seconds from its creation to its readiness; the API server reports whole seconds."""
    found = json.loads(json.dumps(pod))
    ready = next(one for one in found["status"]["conditions"] if one["type"] == "Ready")
    return (
        _time(ready["lastTransitionTime"]) - _time(found["metadata"]["creationTimestamp"])
    ).total_seconds()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


if __name__ == "__main__":
    main()
