"""Notes of which release uses which environment, and uv's cache, where many pods share a folder."""

import fcntl
import os
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from playground_ops.core.target import Say
from playground_ops.targets.common.atomic_folder import RECENT_SECONDS

_BY_ADDRESS = ".by-address"


class Keeping:
    """Stored beside the environments in `folder`: a note for each release, and uv's cache.

    The cache takes no room of its own: its files are hard links to the environments' files.
    """

    def __init__(self, folder: Path) -> None:
        self._notes, self._cache = folder / ".releases", folder / ".cache"
        self._lock = folder / ".cache.lock"

    def note(self, release: str, key: str) -> None:
        """Note that the release uses that environment from now on."""
        self._notes.mkdir(exist_ok=True)
        (self._notes / release).write_text(key)

    def keys(self, live: Collection[str], as_of: float) -> set[str]:
        """Return the keys in use when `live` were all releases; notes of other releases are dropped.

        A pod that comes back after months brings a list that is as old: newer notes stay.
        """
        notes = list(self._notes.glob("*")) if self._notes.is_dir() else []
        for note in notes:
            if note.name not in live and note.stat().st_mtime < as_of - RECENT_SECONDS:
                note.unlink(missing_ok=True)
        return {note.read_text() for note in notes if note.is_file()}

    @contextmanager
    def cache(self) -> Iterator[None]:
        """Lock uv's cache while it is used.

        One in which files may lie under other names than where they come from, as earlier, is dropped.
        """
        with self._lock.open("a") as lock:
            if not (self._cache / _BY_ADDRESS).exists() and _alone(lock):
                self._drop()
                self._cache.mkdir()
                (self._cache / _BY_ADDRESS).touch()
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield

    def tidy(self, gone: Sequence[str], say: Say) -> None:
        """Drop the cache after environments were removed: files that only they used are of no more use."""
        if not gone:
            return
        say(f"Removed environments that no release uses: {', '.join(gone)}.")
        with self._lock.open("a") as lock:
            if _alone(lock):  # else somebody installs; the next call tidies
                self._drop()

    def _drop(self) -> None:
        if self._cache.exists():
            aside = self._cache.with_name(f".cache.gone-{os.getpid()}")
            self._cache.replace(aside)
            shutil.rmtree(aside, ignore_errors=True)


def _alone(lock: IO[str]) -> bool:
    """Return whether nobody else has the lock; it is then held."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
