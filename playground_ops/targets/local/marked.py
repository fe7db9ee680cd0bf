"""Processes of the stack as the system shows them, by the marker in their environment.

What no file tells any more can still be found so: a process that was started a moment before its
supervisor was killed, one whose files were corrupted, the workers of a server that is gone.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playground_ops.targets.local.processes import MARKER, ProcessSpec, Restart

UNKNOWN_GRACE_SECONDS = 3600.0
"""For a process whose spec is lost: it may be a code server with runs to finish."""


@dataclass(frozen=True)
class Marked:
    """A session leader that carries the stack's marker."""

    name: str
    pid: int
    argv: tuple[str, ...]
    cwd: str
    env: dict[str, str]

    def runs(self, spec: ProcessSpec) -> bool:
        """Whether it is the process of the spec: what it started itself inherits the marker too.

        The program's own name is left out: a script or a framework build of Python replaces it.
        """
        arguments = spec.argv[1:]
        return self.name == spec.name and self.argv[len(self.argv) - len(arguments) :] == arguments

    def spec(self, restart: Restart) -> ProcessSpec:
        """What must have been asked for, read off the process."""
        env = {key: value for key, value in self.env.items() if key != MARKER}
        return ProcessSpec(self.name, self.argv, self.cwd, env, restart, UNKNOWN_GRACE_SECONDS)


def marked_leaders(state: Path) -> list[Marked]:
    """The oldest first: what a process started itself comes after it."""
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
    """Pid and name of every process of this user that carries the stack's marker, run workers included."""
    import psutil

    prefix = f"{os.path.realpath(state)}::"
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.uids().real == os.getuid() and process.status() != psutil.STATUS_ZOMBIE:
                marker = process.environ().get(MARKER, "")
                if marker.startswith(prefix):
                    yield process.pid, marker.removeprefix(prefix)
