"""Measures redeploys, rollbacks and refusals of one location, as the UI shows them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.watching import Watcher
from playground_ops.targets.common.server_protocol import is_serving
from tests import pipelines
from tests.asking import eventually
from tests.pipelines import Pipeline
from tests.stacks import Stack

REDEPLOYS = 20
ROLLBACKS = 20
REFUSALS = 5


def measure(stack: Stack, code: Pipeline) -> list[Figure]:
    bare, engine, shown, wrong, polls = _redeploys(stack, code)
    on_top = [ours - floor for ours, floor in zip(engine, bare, strict=True)]
    return [
        Figure("`dagster api grpc` of the same commit, until it answers", bare),
        Figure("redeploy, the engine's whole time", engine),
        Figure("redeploy from the UI, the engine's time on top", on_top[0::2], bound=1.0),
        Figure("redeploy by command, the engine's time on top", on_top[1::2], bound=1.0),
        Figure("switch, until the UI shows the new definitions", shown, bound=1.5, judged="p95"),
        Figure(f"polls in error or missing, of {polls} through {REDEPLOYS} redeploys", [wrong], "", 0, "max"),
        Figure(
            "`rollback`, from the command until the UI shows it",
            _rollbacks(stack, _by_command),
            bound=2.0,
            judged="p95",
        ),
        Figure("rollback from the UI, click until shown", _rollbacks(stack, _by_click)),
        Figure(
            "broken commit, from the server's last word until it is reported",
            _refusals(stack, code),
            bound=2.0,
            judged="max",
        ),
    ]


def _bare_start(code: Pipeline) -> float:
    with tempfile.TemporaryDirectory(prefix="pgbare-") as name:
        address = f"{name}/x.sock"
        command = ("-m", "dagster", "api", "grpc", "--socket", address, "--module-name", "pipeline")
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *command, "-d", str(code.folder)],
            cwd=code.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            eventually("it to answer", lambda: is_serving(f"unix:{address}"), 60.0, 0.02)
            return time.perf_counter() - began
        finally:
            process.kill()
            process.wait()


def _redeploys(stack: Stack, code: Pipeline) -> tuple[list[float], list[float], list[float], int, int]:
    """Redeploy from the UI and by command in turns, each after a bare start of its commit."""
    bare, engine, shown = [], [], []
    with Watcher(stack, 20) as close, Watcher(stack, 5) as polls:
        for number in range(REDEPLOYS):
            asset = f"asset_{number}"
            code.commit(asset)
            bare.append(_bare_start(code))
            if number % 2 == 0:
                stack.wait_for_run(stack.launch("ops", "redeploy", {"locations": ["a"]}))
            else:
                stack.ok("redeploy", "a")
            switched = _switched_at(stack)
            durations = stack.history("a")[-1]["durations"]
            engine.append(sum(durations.values()) - durations.get("watching", 0.0))
            eventually(asset, lambda asset=asset: asset in close.first)
            shown.append(max(0.0, close.first[asset] - switched))
    return bare, engine, shown, polls.wrong, polls.polls


def _switched_at(stack: Stack) -> float:
    """Return when the location's address was switched to the serving release: the link's own time."""
    return (stack.state / "run" / "a.location.sock").lstat().st_mtime


def _rollbacks(stack: Stack, roll_back: Callable[[Stack], object]) -> list[float]:
    samples = []
    for _ in range(ROLLBACKS):
        stack.ok("redeploy", "a", "--ref", "main")
        (before,) = stack.assets("a")
        began = time.perf_counter()
        waited_for = roll_back(stack)
        eventually("the UI to show it", lambda before=before: stack.assets("a") != [before], 60.0, 0.02)
        samples.append(time.perf_counter() - began)
        if isinstance(waited_for, subprocess.Popen):
            waited_for.communicate(timeout=60)
        else:
            stack.wait_for_run(str(waited_for))
    return samples


def _by_command(stack: Stack) -> subprocess.Popen[str]:
    return stack.start("rollback", "a")


def _by_click(stack: Stack) -> str:
    return stack.launch("ops", "rollback", {"location": "a"})


def _refusals(stack: Stack, code: Pipeline) -> list[float]:
    samples = []
    for number in range(REFUSALS):
        code.commit_text(f"{pipelines.RAISES}# {number}\n", "Break it")
        process = stack.start("redeploy", "a")
        process.communicate(timeout=120)
        ended = time.time()
        release = stack.history("a")[-1]["release"]["number"]
        samples.append(ended - _last_word(stack.state / "logs" / f"a-{release}.log"))
    return samples


def _last_word(log: Path) -> float:
    return log.stat().st_mtime
