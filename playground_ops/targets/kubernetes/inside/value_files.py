"""Files that get another name in another folder, where others may write meanwhile: no link is followed.

Each folder on the way is opened in the one above it, and must be a folder (openat(2), O_NOFOLLOW).
"""

import os
import shutil
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from playground_ops.render.names import files_of

SHARED = "storage"
"""The folder for all locations; in a location's own folder it has the same name."""
Key = tuple[str, ...]
"""The names that lead to a file or folder."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@dataclass
class Moved:
    files: int = 0
    """How many files got a name in a location's folder just now."""
    left: list[str] = field(default_factory=list)
    """Files of which nobody knows whose they are; they stay."""


def move(root: Path, owners: Mapping[Key, Collection[str]], *, finish: bool) -> Moved:
    """Give each file below `root/storage` a name in the folders of its owners.

    `owners`: locations by the beginnings of paths; the longest one counts. With one owner it is another name
    of the same file, else each gets a copy. What an owner has that is newer stays. `finish`: remove the old
    names.
    """
    moved = Moved()
    with _opened(root, ()) as top, suppress(FileNotFoundError):
        for folder, _, names, at in os.fwalk(SHARED, topdown=False, follow_symlinks=False, dir_fd=top):
            above = Path(folder).parts[1:]
            for name in names:
                whose = _owners_of((*above, name), owners)
                if not whose or not _is_file(name, at):
                    moved.left.append("/".join((*above, name)))
                    continue
                try:
                    for owner in sorted(whose):
                        place = (*files_of(owner).split("/"), SHARED, *above)
                        with _opened(root, place, make=True) as there:
                            moved.files += _placed(name, at, there, alone=len(whose) == 1)
                except (NotADirectoryError, IsADirectoryError):  # a location put something in the way
                    moved.left.append("/".join((*above, name)))
                    continue
                if finish:
                    os.unlink(name, dir_fd=at)
            if finish and above:
                with suppress(OSError), _opened(root, (SHARED, *above[:-1])) as parent:
                    os.rmdir(above[-1], dir_fd=parent)
    return moved


def _owners_of(path: Key, owners: Mapping[Key, Collection[str]]) -> Collection[str]:
    beginnings = (path[:length] for length in range(len(path), 0, -1))
    return next((owners[one] for one in beginnings if one in owners), ())


def _is_file(name: str, at: int) -> bool:
    return stat.S_ISREG(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode)


@contextmanager
def _opened(root: Path, below: Key, *, make: bool = False) -> Iterator[int]:
    """Open a folder below `root`. Raises OSError where something on the way is a link."""
    found = os.open(root, _FOLDER)
    try:
        for name in below:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(name, dir_fd=found)
            inner = os.open(name, _FOLDER, dir_fd=found)
            os.close(found)
            found = inner
        yield found
    finally:
        os.close(found)


def _placed(name: str, at: int, there: int, *, alone: bool) -> bool:
    """Return whether the file got its name there just now."""
    old = os.stat(name, dir_fd=at, follow_symlinks=False)
    try:
        new = os.stat(name, dir_fd=there, follow_symlinks=False)
    except FileNotFoundError:
        pass
    else:
        if os.path.samestat(old, new) or new.st_mtime_ns >= old.st_mtime_ns:
            return False
    part = f".{name[:200]}.moving"
    with suppress(FileNotFoundError):
        os.unlink(part, dir_fd=there)
    try:
        if not alone:
            raise OSError
        os.link(name, part, src_dir_fd=at, dst_dir_fd=there, follow_symlinks=False)
    except OSError:  # some storage has no hard links
        _copied(name, at, part, there, old)
    os.replace(part, name, src_dir_fd=there, dst_dir_fd=there)
    return True


def _copied(name: str, at: int, part: str, there: int, like: os.stat_result) -> None:
    source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
    with os.fdopen(source, "rb") as found:
        target = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=there)
        with os.fdopen(target, "wb") as made:
            shutil.copyfileobj(found, made)
            os.utime(made.fileno(), ns=(like.st_atime_ns, like.st_mtime_ns))
