"""Folders that appear complete or not at all, are made by one process at a time, and removed when unused."""

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playground_ops.core.errors import Finding, PlaygroundError, capacity, transient

LOCK_SECONDS = 900.0
"""Seconds to wait for another process that is making the same folder; making it may not take as long."""

RECENT_SECONDS = 1800.0
"""What was asked for within these seconds is not removed; a release takes less time to start."""


@contextmanager
def locked(folder: Path, say: Callable[[str], None], seconds: float = LOCK_SECONDS) -> Iterator[int]:
    """Hold the only right to make or remove `folder`. The lock is free when its holder dies.

    Its descriptor, given to a child, keeps it held until that child has ended too.

    Raises PlaygroundError (transient) after `seconds`.
    """
    path = _lock_file(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + seconds
    reported = False
    while (descriptor := _try_lock(path)) is None:
        if not reported:
            say(f"Waiting for another process that is making {folder.name}.")
            reported = True
        if time.monotonic() > deadline:
            raise PlaygroundError(_busy(folder, seconds))
        time.sleep(0.1)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def idle(folder: Path) -> Iterator[bool]:
    """Hold the right to `folder` if nobody else does at this time. Yields whether it is held."""
    descriptor = _try_lock(_lock_file(folder))
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def busy(parent: Path) -> set[str]:
    """Return the folders in `parent` that somebody is making or removing right now, by name."""
    names = [path.name for path in (parent / ".locks").glob("*")]
    return {name for name in names if not _is_idle(parent / name)}


def used(folder: Path) -> None:
    """Note that `folder` was asked for just now, by the time of its lock file."""
    _lock_file(folder).parent.mkdir(parents=True, exist_ok=True)
    _lock_file(folder).touch()


def remove_unused(parent: Path, keep: set[str], recent_seconds: float) -> list[str]:
    """Remove what is not in `keep`, not being made and not asked for lately. Returns the names.

    Who asked lately may not have come to say that it keeps the folder: a release that just starts.
    """
    gone = []
    for folder in members(parent):
        if folder.name in keep or _age(_lock_file(folder)) < recent_seconds:
            continue
        if remove(folder):
            gone.append(folder.name)
    sweep(parent)
    return gone


def remove(folder: Path) -> bool:
    """Remove `folder` unless somebody is making it right now. Returns whether it is gone."""
    with idle(folder) as mine:
        if not mine:
            return False
        discard(folder)
        _lock_file(folder).unlink(missing_ok=True)
        return not folder.exists()


def discard(folder: Path) -> None:
    """Remove a folder. It is renamed first so that nobody finds half of it; the caller holds its lock."""
    gone = folder.with_name(f".{folder.name}.gone-{os.getpid()}")
    try:
        folder.replace(gone)
    except FileNotFoundError:
        return
    shutil.rmtree(gone, onerror=_make_writable)
    shutil.rmtree(gone, ignore_errors=True)


def sweep(parent: Path) -> None:
    """Remove what a process that was killed left half made or half removed."""
    for left in parent.glob(".*.gone-*"):
        shutil.rmtree(left, ignore_errors=True)
    for left in parent.glob(".*.building"):
        with idle(parent / left.name[1 : -len(".building")]) as mine:
            if mine:
                shutil.rmtree(left, ignore_errors=True)


def members(parent: Path) -> list[Path]:
    """Return the folders in `parent` that are complete."""
    try:
        return sorted(entry for entry in parent.iterdir() if entry.is_dir() and entry.name[0] != ".")
    except FileNotFoundError:
        return []


@contextmanager
def built(folder: Path) -> Iterator[Path]:
    """Yield a new folder, which becomes `folder` if the block raises nothing; the caller holds its lock."""
    building = folder.with_name(f".{folder.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    try:
        yield building
        discard(folder)
        building.replace(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)


@contextmanager
def room(thing: str) -> Iterator[None]:
    """Turn a full disk met inside the block into a finding about `thing`. Raises PlaygroundError."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise PlaygroundError(full_disk(thing, str(error))) from error


def full_disk(thing: str, words: str) -> Finding:
    return capacity(
        object=thing,
        observed="The disk is full.",
        cause="There is no room left for the checkout or the environment.",
        fix="Free some space on the disk that holds the state folder and uv's cache (on Kubernetes on the "
        "claim, which `kubernetes: artifacts:` makes larger), then try again.",
        evidence=words,
    )


def _is_idle(folder: Path) -> bool:
    with idle(folder) as mine:
        return mine


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _lock_file(folder: Path) -> Path:
    return folder.parent / ".locks" / folder.name


def _try_lock(path: Path) -> int | None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever removed the folder removed this file too: a lock on a file that is no longer there keeps
        # nobody out.
        if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
    except OSError as error:
        if error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES):
            os.close(descriptor)
            raise
    os.close(descriptor)
    return None


def _make_writable(function: Callable[[str], object], path: str, _: object) -> None:
    # Packages may contain read-only folders, out of which nothing can be removed.
    try:
        Path(path).parent.chmod(0o700)
        function(path)
    except OSError:
        return


def _busy(folder: Path, seconds: float) -> Finding:
    return transient(
        object=f"folder/{folder.name}",
        observed=f"Another process has been making it for more than {seconds:g} s.",
        cause="One process at a time makes a checkout or an environment; that one is slow or stopped.",
        fix=f"Wait for it or end it (`fuser {_lock_file(folder)}` names it), then try again.",
    )
