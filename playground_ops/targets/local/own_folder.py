"""Folders that no other user of this machine reaches: the state folder, and the way to its sockets.

Light imports, for the supervisor.
"""

import contextlib
import hashlib
import os
import stat
from pathlib import Path

OTHERS = stat.S_IRWXG | stat.S_IRWXO
SHORT = Path("/tmp")
"""Where the short way to the sockets begins: a Unix socket's path is limited to about 100 bytes."""


class NotOurs(PermissionError):
    """What is there belongs to somebody else, or can be replaced by somebody else."""


def made_private(folder: Path) -> None:
    """Make the folder, or keep all other users out of the one that is there.

    Raises NotOurs when it is another user's, who could put anything into it; OSError when it is no folder.
    """
    if not folder.exists():
        _made(folder)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        found = os.fstat(descriptor)
        if found.st_uid != os.geteuid():
            raise NotOurs(f"{folder} belongs to user {found.st_uid}, and this process runs as {os.geteuid()}")
        if found.st_mode & OTHERS:
            os.fchmod(descriptor, stat.S_IMODE(found.st_mode) & ~OTHERS)
    finally:
        os.close(descriptor)


def is_open_to_others(folder: Path) -> bool:
    """Return whether others reach it all the same: some file systems keep no permissions."""
    try:
        return bool(folder.stat().st_mode & OTHERS)
    except OSError:
        return False


def _made(folder: Path) -> None:
    """Make it for this user alone, with what is missing above it."""
    if not folder.parent.exists():
        _made(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=stat.S_IRWXU)


def runtime_folder(state: Path) -> Path:
    """Return a short path to the state folder's `run/`, both of which are made if they are missing.

    The limit of a socket's path is on the string and not on what it resolves to. Raises NotOurs when
    something else is in the way: anybody may have made it first.
    """
    real = Path(os.path.realpath(state))
    made_private(real)
    made_private(real / "run")
    above = SHORT.stat()
    if above.st_mode & stat.S_IWOTH and not above.st_mode & stat.S_ISVTX:
        raise NotOurs(f"{SHORT} lets everybody replace what is in it: `chmod +t {SHORT}`")
    name = f"pg-{os.getuid()}-{hashlib.sha256(str(real).encode()).hexdigest()[:8]}"
    link = SHORT / name
    with contextlib.suppress(FileExistsError):
        link.symlink_to(real / "run")
    found = link.lstat()
    if not stat.S_ISLNK(found.st_mode) or found.st_uid != os.getuid() or link.readlink() != real / "run":
        raise NotOurs(f"{link}, of user {found.st_uid}, is in the way and is not this stack's: remove it")
    return link
