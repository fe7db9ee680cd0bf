"""One supervised process: how it is launched, and how it is found by its marker.

The marker finds processes that no file mentions: one that was started just before its supervisor was killed,
one whose files were corrupted, the workers of a server that is gone.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playground_ops.targets.local.processes import MARKER, ProcessSpec, ProcessState, Restart

UNKNOWN_GRACE_SECONDS = 3600.0
"""The grace of a process whose spec is lost: it may be a code server with runs to finish."""


@dataclass(frozen=True)
class Marked:
    """A session leader that carries the stack's marker."""

    name: str
    pid: int
    argv: tuple[str, ...]
    cwd: str
    env: dict[str, str]

    def runs(self, spec: ProcessSpec) -> bool:
        """Return whether it is the process of the spec: its children inherit the marker too.

        The program's own name is left out: a script or a framework build of Python replaces it.
        """
        arguments = spec.argv[1:]
        return self.name == spec.name and self.argv[len(self.argv) - len(arguments) :] == arguments

    def spec(self, restart: Restart) -> ProcessSpec:
        """Return the spec that must have been asked for, read from the process."""
        env = {key: value for key, value in self.env.items() if key != MARKER}
        return ProcessSpec(self.name, self.argv, self.cwd, env, restart, UNKNOWN_GRACE_SECONDS)


def marked_leaders(state: Path) -> list[Marked]:
    """Return the leaders, the oldest first: children of a process come after it."""
    import psutil

    found = []
    for pid, name in marked_processes(state):
        with contextlib.suppress(psutil.Error, OSError):
            process = psutil.Process(pid)
            if os.getsid(pid) == pid and (argv := process.cmdline()):
                leader = Marked(name, pid, tuple(argv), process.cwd(), process.environ())
                found.append((process.create_time(), leader))
    return [leader for _, leader in sorted(found, key=lambda pair: (pair[0], pair[1].pid))]


def marked_processes(state: Path) -> Iterator[tuple[int, str]]:
    """Yield pid and name of every process of this user with the stack's marker, run workers included."""
    import psutil

    prefix = f"{os.path.realpath(state)}::"
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.uids().real == os.getuid() and process.status() != psutil.STATUS_ZOMBIE:
                marker = process.environ().get(MARKER, "")
                if marker.startswith(prefix):
                    yield process.pid, marker.removeprefix(prefix)


LOG_BYTES = 10_000_000
MOST_LOG_BYTES = 5 * LOG_BYTES
"""The size from which the log of a process that runs is cut; on every start one of LOG_BYTES is put aside."""
BACKOFF_SECONDS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)


@dataclass
class Child:
    spec: ProcessSpec
    state: ProcessState
    popen: subprocess.Popen[bytes] | None = None
    """None when it was taken over: then its exit code can't be learned."""
    descriptor: int | None = None
    started: float = 0.0
    failures: int = 0
    kill_at: float | None = None
    restart_at: float | None = None
    written: bool = True
    """Whether its state file says what `state` does."""

    @property
    def pause(self) -> float:
        """Return the seconds before it is started again: none after its first failure."""
        return BACKOFF_SECONDS[min(max(self.failures - 1, 0), len(BACKOFF_SECONDS) - 1)]


def launch(state: Path, spec: ProcessSpec, umask: int) -> subprocess.Popen[bytes]:
    """Start it in a session of its own, its output appended to its log.

    `umask`: a person's own, whose code may write for others, outside of the state folder.

    Raises OSError, or ValueError for a NUL or a `=` where none may be.
    """
    marker = f"{os.path.realpath(state)}::{spec.name}"
    with _log(state, spec.name).open("ab") as output:
        return subprocess.Popen(
            spec.argv,
            cwd=spec.cwd,
            env={**os.environ, **spec.secrets, **spec.env, MARKER: marker},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            umask=umask,
        )


def cut_log(state: Path, name: str) -> None:
    """Move what a process has printed aside when it is much: what is older than that is gone.

    Its descriptor appends, so it goes on at the beginning. What it prints in between is lost.
    """
    path = state / "logs" / f"{name}.log"
    try:
        with path.open("rb+") as file:
            size = file.seek(0, os.SEEK_END)
            if size <= MOST_LOG_BYTES:
                return
            file.seek(size - LOG_BYTES)
            path.with_name(f"{path.name}.1").write_bytes(file.read(LOG_BYTES))
            file.truncate(0)
    except FileNotFoundError:
        return
    except OSError:  # the disk is full: room is worth more than what it printed
        with contextlib.suppress(OSError):
            os.truncate(path, 0)


def exit_text(code: int | None) -> str:
    if code is None:
        return "it ended, and its exit code is not known"
    if code < 0:
        return f"signal {-code} ({_signal_name(-code)})"
    return f"exit code {code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal only has a number
        return "real-time"


def _log(state: Path, name: str) -> Path:
    path = state / "logs" / f"{name}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    return path
