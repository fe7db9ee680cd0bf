"""Measures complete read-only commands, against an interpreter that does nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from benchmarks.figures import Figure
from tests.stacks import ROOT, Stack

TIMES = 15


def measure(stack: Stack) -> list[Figure]:
    floor = ("an interpreter that does nothing", ("-c", "pass"), None)
    commands = [
        floor,
        *(
            (f"`{name}`", ("-m", "playground_ops", *name.split()), 0.4)
            for name in ("--help", "validate", "status", "status --json", "plan")
        ),
    ]
    samples: dict[str, list[float]] = {name: [] for name, _, _ in commands}
    for _ in range(TIMES):  # in turns, so that a busy time affects all of them
        for name, arguments, _ in commands:
            samples[name].append(_seconds(stack, arguments))
    return [Figure(name, samples[name], bound=bound, judged="p95") for name, _, bound in commands]


def _seconds(stack: Stack, arguments: tuple[str, ...]) -> float:
    environment = {key: value for key, value in stack.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=True
    )
    return time.perf_counter() - began


os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a person's second run has its bytecode
