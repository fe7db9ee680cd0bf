"""Measures folders whose content belongs to others: a piece at a time, and following no link.

What can be written there is a location's code's to choose: links, folders without an end, files that may not
be read, millions of entries. None of it makes a look longer, and none is counted as something else.
"""

import os
import stat
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from playground_ops.core.files import Kept

LOOK_EVERY = 64
"""Entries between two looks at the clock."""
MOST_PENDING, MOST_LINKED, MOST_FOLDERS = 100_000, 100_000, 10_000
"""Bounds of what is remembered: folders to go to, files of several names, folders that are told."""
TOLD = 3
OTHERS = "others"
LONGEST_NAME = 80
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_BLOCK = 512
"""The unit of `st_blocks`, whatever the file system's own is: on Linux and macOS alike."""


@dataclass
class Walk:
    """A walk through some folders, which can be interrupted and goes on later."""

    base: Path
    """What paths are told from."""
    roots: Sequence[Path]
    parts: Counter[str] = field(default_factory=Counter)
    folders: Counter[str] = field(default_factory=Counter)
    files: int = 0
    closed: int = 0
    lost: bool = False
    """Whether something is not counted since there was too much to remember."""

    def __post_init__(self) -> None:
        """Begin it."""
        self._linked: set[tuple[int, int]] = set()
        self._device: int | None = None
        self._steps = self._walk()

    def go_on(self, seconds: float) -> bool:
        """Walk for at most that long. Returns whether it has come to its end."""
        deadline = time.monotonic() + seconds
        return all(time.monotonic() < deadline for _ in self._steps)

    @property
    def kept(self) -> Kept:
        """Return what was counted so far; who knows that it is whole says so."""
        largest = tuple(self.folders.most_common(TOLD))
        return Kept(
            parts=dict(self.parts), largest=largest, files=self.files, closed=self.closed, is_whole=False
        )

    def _walk(self) -> Iterator[None]:
        pending = list(self.roots)
        with suppress(OSError):
            self._device = self.base.stat().st_dev
        while pending:
            folder = pending.pop()
            try:
                yield from self._one(folder, pending)
            except OSError as error:
                if not isinstance(error, FileNotFoundError):  # else it was removed meanwhile
                    self.closed += 1

    def _one(self, folder: Path, pending: list[Path]) -> Iterator[None]:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode):
            self._count(folder, found)
            return
        descriptor = os.open(folder, _OPEN)
        try:
            if os.fstat(descriptor).st_dev != self._device:
                return  # it is on another volume, which somebody else fills
            with os.scandir(descriptor) as entries:
                for number, entry in enumerate(entries):
                    self._entry(folder / entry.name, entry, pending)
                    if number % LOOK_EVERY == 0:
                        yield
        finally:
            os.close(descriptor)
        yield

    def _entry(self, path: Path, entry: os.DirEntry[str], pending: list[Path]) -> None:
        try:
            found = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return
        except OSError:
            self.closed += 1
            return
        self._count(path, found)
        if stat.S_ISDIR(found.st_mode):
            if len(pending) < MOST_PENDING:
                pending.append(path)
            else:
                self.lost = True

    def _count(self, path: Path, found: os.stat_result) -> None:
        self.files += 1
        if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode):
            name = (found.st_dev, found.st_ino)
            if name in self._linked:
                return
            if len(self._linked) >= MOST_LINKED:
                self.lost = True
                return
            self._linked.add(name)
        size = found.st_blocks * _BLOCK
        own = [_printable(one) for one in path.relative_to(self.base).parts[:2]]
        _add(self.parts, own[0] if own else ".", size)
        _add(self.folders, "/".join(own) or ".", size)


def _add(sums: Counter[str], name: str, size: int) -> None:
    sums[name if name in sums or len(sums) < MOST_FOLDERS else OTHERS] += size


def _printable(name: str) -> str:
    """Return a name that somebody else chose, as it can be shown."""
    shown = "".join(one if one.isprintable() else "?" for one in name)
    return shown if len(shown) <= LONGEST_NAME else f"{shown[:LONGEST_NAME]}..."
