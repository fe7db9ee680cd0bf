"""One supervised process: what is known of it, and how it is launched."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from playground_ops.targets.local.processes import MARKER, ProcessSpec, ProcessState

LOG_BYTES = 10_000_000
BACKOFF_SECONDS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)


@dataclass
class Child:
    spec: ProcessSpec
    state: ProcessState
    popen: subprocess.Popen[bytes] | None = None
    """None when it was taken over: then nobody can learn its exit code."""
    descriptor: int | None = None
    started: float = 0.0
    failures: int = 0
    kill_at: float | None = None
    restart_at: float | None = None
    written: bool = True
    """Whether its state file says what `state` does."""

    @property
    def pause(self) -> float:
        """Seconds before it is started again: none after its first failure."""
        return BACKOFF_SECONDS[min(max(self.failures - 1, 0), len(BACKOFF_SECONDS) - 1)]


def launch(state: Path, spec: ProcessSpec) -> subprocess.Popen[bytes]:
    """Start it in a session of its own, its output appended to its log.

    Raises OSError, or ValueError for a NUL or a `=` where none may be.
    """
    marker = f"{os.path.realpath(state)}::{spec.name}"
    with _log(state, spec.name).open("ab") as output:
        return subprocess.Popen(
            spec.argv,
            cwd=spec.cwd,
            env={**os.environ, **spec.env, MARKER: marker},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def exit_text(code: int | None) -> str:
    if code is None:
        return "it ended, and its exit code is not known"
    if code < 0:
        return f"signal {-code} ({_signal_name(-code)})"
    return f"exit code {code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal has a number alone
        return "real-time"


def _log(state: Path, name: str) -> Path:
    path = state / "logs" / f"{name}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    return path
