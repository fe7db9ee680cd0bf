"""Runs a command in a process of its own on this machine, which goes on when whoever started it leaves."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from os import environ
from pathlib import Path

from playground_ops.core.messages import LINES

Hear = Callable[[str], None]


def command(config: Path | None, target: str | None) -> Callable[[Sequence[str], Hear, Hear], int]:
    """Return a function that runs a command's arguments, and returns its exit code.

    Its callbacks get the lines of the output, and nothing: there is nothing to wait for.
    """
    chosen = [
        *(["--config", str(config)] if config else []),
        *(["--target", target] if target else []),
    ]

    def run(arguments: Sequence[str], hear: Hear, say: Hear) -> int:
        process = subprocess.Popen(
            [sys.executable, "-m", "playground_ops", *arguments, *chosen],
            env={**environ, LINES: "json"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            hear(line.rstrip("\n"))
        return process.wait()

    return run
