"""A lock per location, as a lease: it names its holder, is renewed while held, and expires.

The lease is a small file; a guard file, locked for one read and write, makes taking it atomic. A lease whose
process is gone is free at once; one whose process lives but no longer renews it (stopped, hung) is free after
`LEASE_SECONDS`, and its holder finds out at its next `check`. Time is the machine's monotonic clock, which
all its processes share and nobody can set.
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from pydantic import BaseModel

from playground_ops.core.errors import Finding, LockHeld, LockLost, PlaygroundError, transient
from playground_ops.targets.local.folder import make_folder, read_value, write_value, writing
from playground_ops.targets.local.processes import birth_of

LEASE_SECONDS = 30.0
RENEW_SECONDS = 5.0
GUARD_SECONDS = 10.0
"""The guard is held for one read and one write: longer means that its holder is stopped."""
GUARD_LOOK_SECONDS = 0.02


class Lease(BaseModel):
    token: str
    holder: str
    since: str
    """UTC, for people."""
    pid: int
    birth: str
    """Tells the process from any other that had or will have its pid."""
    renewed: float
    """Monotonic seconds of this boot."""


class FileLock:
    """One held lease, which is renewed in the background."""

    def __init__(self, path: Path, location: str, lease: Lease) -> None:
        self._path, self._location, self._lease = path, location, lease
        self._released = threading.Event()
        self._renewer = threading.Thread(target=self._renew, daemon=True, name=f"lease-{location}")
        self._renewer.start()

    def check(self) -> None:
        """Raise LockLost, or PlaygroundError when the lease can't be read."""
        with _guarded(self._path):
            found = read_value(self._path, Lease)
        if found is None or found.token != self._lease.token:
            raise LockLost(_lost(self._location, found))

    def release(self) -> None:
        """Release it. A lease that can't be deleted expires, and must not hide why the rollout ended."""
        self._released.set()
        with suppress(PlaygroundError), _guarded(self._path), writing(self._path):
            found = read_value(self._path, Lease)
            if found is not None and found.token == self._lease.token:
                self._path.unlink(missing_ok=True)

    def _renew(self) -> None:
        while not self._released.wait(RENEW_SECONDS):
            with suppress(PlaygroundError), _guarded(self._path):  # a full disk may have room again later
                found = read_value(self._path, Lease)
                if self._released.is_set() or found is None or found.token != self._lease.token:
                    return
                write_value(self._path, found.model_copy(update={"renewed": time.monotonic()}))


@contextmanager
def lease(path: Path, location: str, holder: str, now: str) -> Iterator[FileLock]:
    """Hold the lease in `path`. Raises LockHeld, naming the holder, or PlaygroundError (capacity)."""
    mine = Lease(
        token=uuid4().hex,
        holder=holder,
        since=now,
        pid=os.getpid(),
        birth=birth_of(os.getpid()) or "",
        renewed=time.monotonic(),
    )
    with _guarded(path):
        if found := holder_of(path):
            raise LockHeld(_held(location, found))
        write_value(path, mine)
    lock = FileLock(path, location, mine)
    try:
        yield lock
    finally:
        lock.release()


def holder_of(path: Path) -> Lease | None:
    """Return who holds the lease now, if anybody does."""
    found = read_value(path, Lease)
    if found is None or not 0 <= time.monotonic() - found.renewed <= LEASE_SECONDS:
        return None
    return found if birth_of(found.pid) == found.birth else None


@contextmanager
def _guarded(path: Path) -> Iterator[None]:
    with writing(path):
        make_folder(path.parent)
        descriptor = os.open(path.with_name(f"{path.name}.guard"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take_guard(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def _take_guard(descriptor: int, path: Path) -> None:
    deadline = time.monotonic() + GUARD_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise PlaygroundError(_blocked(path)) from error
        time.sleep(GUARD_LOOK_SECONDS)


def _blocked(path: Path) -> Finding:
    return transient(
        object=f"file/{path}",
        observed=f"Another process has kept it to itself for more than {GUARD_SECONDS:g} s.",
        cause="That process was stopped (SIGSTOP) while it looked at the lock.",
        fix=f"Find it with `lsof {path}.guard`, let it go on or end it; then run the command again.",
    )


def _held(location: str, found: Lease) -> Finding:
    return transient(
        object=f"lock/{location}",
        observed=f"A rollout of {location} by {found.holder} (pid {found.pid}) is under way "
        f"since {found.since}.",
        cause="Only one rollout of a location runs at a time.",
        fix=f"Wait for it (`status` shows it), or end process {found.pid} if it hangs: "
        "the lock is then free.",
    )


def _lost(location: str, found: Lease | None) -> Finding:
    who = f"{found.holder} (pid {found.pid})" if found else "nobody"
    return transient(
        object=f"lock/{location}",
        observed=f"The lock was lost while this rollout was away; it is held by {who} now.",
        cause=f"This process did not run for more than {LEASE_SECONDS:g} s: "
        "it was stopped, or the machine slept.",
        fix="Nothing was changed since; redeploy if `status` does not show what you want.",
    )
