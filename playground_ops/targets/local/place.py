"""The right to supervise one state folder: a lock that ends with the process that holds it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class Place:
    def __init__(self, state: Path) -> None:
        self._path = state / "run" / "supervisor.lock"
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Whether it is this process's now; False when another process holds it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._descriptor = descriptor
        return True

    def is_held(self) -> bool:
        """False also when the file was deleted under this process: the next supervisor locks a new one."""
        if self._descriptor is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True  # it can't be looked at just now, which says nothing

    def holder(self) -> int | None:
        """Pid of who took it last, for people."""
        try:
            return int(self._path.read_text())
        except (OSError, ValueError):
            return None
