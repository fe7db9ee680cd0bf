"""Measures what a second deployment costs on one machine: time, memory, and redeploys in it.

`uv run python -m benchmarks.beside`
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import yaml

from benchmarks.figures import MEASURED, Figure, table
from benchmarks.starting import TABLES, start
from playground_ops.targets.common.server_protocol import is_serving
from playground_ops.targets.common.webserver import Webserver
from playground_ops.targets.local.processes import read_state
from tests.asking import eventually
from tests.pipelines import Pipeline, pipeline
from tests.stacks import Stack, a_stack, free_port

RESULTS = MEASURED / "deployments.md"
TIMES, PAIRS = 5, 10
OWN = ("webserver-next", "daemon-next", "b-1")
MEGABYTE = 1e6


def measure(code: Pipeline) -> list[Figure]:
    code.commit("first")
    alone, beside, bare, ours, by_hand = [], [], [], [], []
    for _ in range(TIMES):
        with bootstrapped(code, None) as (_, seconds):
            alone.append(seconds)
        with bootstrapped(code, "next") as (stack, seconds):
            beside.append(seconds)
            ours.append(sum(map(unshared, processes_of(stack))))
        with processes_by_hand(code) as (processes, seconds):
            bare.append(seconds)
            by_hand.append(sum(map(unshared, processes)))
    over = [(with_it - own) / without for with_it, own, without in zip(beside, bare, alone, strict=True)]
    more = [one - floor for one, floor in zip(ours, by_hand, strict=True)]
    return [
        Figure("`bootstrap` of A and B in one deployment", alone),
        Figure("`bootstrap` with B in a deployment of its own", beside),
        Figure("its webserver, daemon and code server by hand, until they answer", bare),
        Figure("the bootstrap without these, against that of one deployment", over, unit="times", bound=1.2),
        Figure("memory of the second deployment's processes", ours, unit="MB"),
        Figure("memory of the same processes by hand", by_hand, unit="MB"),
        Figure("memory on top", more, unit="MB", bound=5.0),
        *redeploys(code),
    ]


def redeploys(code: Pipeline) -> list[Figure]:
    """Redeploy A in the main deployment and B in the other one by turns, each at a new commit."""
    took: dict[str, list[float]] = {"a": [], "b": []}
    with bootstrapped(code, "next") as (stack, _):
        for number in range(PAIRS):
            for name in ("a", "b") if number % 2 else ("b", "a"):
                code.commit(f"asset_{number}_{name}")
                began = time.perf_counter()
                stack.ok("redeploy", name)
                took[name].append(time.perf_counter() - began)
    ratios = [there / here for here, there in zip(took["a"], took["b"], strict=True)]
    return [
        Figure("redeploy in the main deployment", took["a"]),
        Figure("redeploy in the second one", took["b"]),
        Figure("the second against the main one, in pairs", ratios, unit="times", bound=1.05),
    ]


@contextmanager
def bootstrapped(code: Pipeline, deployment: str | None) -> Iterator[tuple[Stack, float]]:
    """Yield a stack, and the seconds of the whole command. `deployment`: of B; None: the main one."""
    beside = [{"name": deployment}] if deployment else []
    # In one deployment B can't have the keys of A: then it serves the bootstrap package, which is no smaller.
    b = {"name": "b", **code.location, "deployment": deployment} if deployment else {"name": "b"}
    with a_stack() as stack:
        stack.configure(code_locations=[{"name": "a", **code.location}, b], deployments=beside)
        began = time.perf_counter()
        stack.bootstrap()
        yield stack, time.perf_counter() - began


def processes_of(stack: Stack) -> list[psutil.Process]:
    states = [read_state(stack.state, name) for name in OWN]
    return [psutil.Process(state.pid) for state in states if state and state.pid]


@contextmanager
def processes_by_hand(code: Pipeline) -> Iterator[tuple[list[psutil.Process], float]]:
    """Start the processes of one deployment without any of this project. Yields them, and the seconds."""
    with tempfile.TemporaryDirectory(prefix="pgbare-") as name:
        home, port = Path(name), free_port()
        (home / "dagster.yaml").write_text(yaml.safe_dump({"telemetry": {"enabled": False}}))
        socket = str(home / "b.sock")
        server = {"grpc_server": {"host": "localhost", "socket": socket, "location_name": "b"}}
        workspace = home / "workspace.yaml"
        workspace.write_text(yaml.safe_dump({"load_from": [server]}))
        began = time.perf_counter()
        start(home, "-c", TABLES).wait(timeout=60)
        commands = (
            ("dagster", "api", "grpc", "--socket", socket, "-m", "pipeline", "-d", str(code.folder)),
            ("dagster._daemon", "run", "-w", str(workspace)),
            ("dagster_webserver", "-w", str(workspace), "-h", "127.0.0.1", "-p", str(port)),
        )
        started = [start(home, "-m", *command) for command in commands]
        try:
            ui = Webserver(f"http://127.0.0.1:{port}")
            eventually("the server to answer", lambda: is_serving(f"unix:{socket}"), 120.0, 0.05)
            eventually("the webserver to answer", ui.answers, 120.0, 0.05)
            eventually("the daemon to be heard of", lambda: not ui.unhealthy_daemons(), 120.0, 0.1)
            yield [psutil.Process(one.pid) for one in started], time.perf_counter() - began
        finally:
            for one in started:
                one.kill()
                one.wait()


def unshared(process: psutil.Process) -> float:
    """Return the megabytes that would be free if the process ended."""
    return float(process.memory_full_info().uss) / MEGABYTE


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = measure(pipeline(Path(folder) / "repository"))
    RESULTS.write_text(
        "# A second deployment on one machine\n\nWritten by `uv run python -m benchmarks.beside`.\n\n"
        + table(found)
    )


if __name__ == "__main__":
    main()
