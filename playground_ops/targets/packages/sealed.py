"""Tells whether an environment is what was made: by what lies in it, and not by its name and owner alone."""

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

MARKER = ".complete"
"""The file of an environment that is complete, in JSON."""
ASKED = ".asked"
"""The folder in an environment with a name for each checkout whose build declares what is in it."""
_LATER = {MARKER, ASKED, "__pycache__"}
"""Names of what is written after it was made: Python may add compiled files."""


def seal(place: Path) -> str:
    """Return 32 hexadecimal digits made of all files and links: their paths, kinds, sizes, times and targets.

    Contents are not read: of 15,000 files that takes a tenth of a second.
    """
    found = hashlib.sha256()
    for line in sorted(_lines(place, "")):
        found.update(os.fsencode(line) + b"\0")
    return found.hexdigest()[:32]


def seal_if_whole(place: Path) -> str | None:
    """Return its seal; None if it is not as it was made. One from before environments had a seal passes."""
    try:
        noted = json.loads((place / MARKER).read_text()).get("seal")
    except (OSError, ValueError, AttributeError):
        return None
    found = seal(place)
    return found if noted in (None, found) else None


def belongs_to(place: Path, user: int) -> bool:
    """Return whether it is a folder, not a link, of that user, in which nobody else can write."""
    found = place.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == user and not found.st_mode & 0o022


def _lines(folder: Path, above: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name in _LATER:
                continue
            where = f"{above}/{entry.name}"
            if entry.is_symlink():
                yield f"{where} -> {Path(entry.path).readlink()}"
            elif entry.is_dir(follow_symlinks=False):
                yield f"{where}/"
                yield from _lines(Path(entry.path), where)
            else:
                state = entry.stat(follow_symlinks=False)
                yield f"{where} {state.st_mode:o} {state.st_uid} {state.st_size} {state.st_mtime_ns}"
