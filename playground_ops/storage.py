"""Where a stack keeps what it keeps: its database and its volumes. Values."""

from __future__ import annotations

import os
from pathlib import Path

from playground_ops.value import Value


class Database(Value):
    """Dagster's own."""

    bytes_used: int
    connections: int | None = None
    """Of everybody, at this moment; None for one without a server."""
    most_connections: int | None = None
    """That those who are no superusers may have."""
    revision: str | None = None
    """Of its schema, as alembic names it; None where it was never told."""
    wanted_revision: str | None = None
    """That of the Dagster that looks."""


class Room(Value):
    """A volume, a claim or a disk."""

    object: str
    bytes_total: int
    bytes_free: int
    inodes_total: int = 0
    """0 where the file system makes as many as are needed, or nobody can say."""
    inodes_free: int = 0

    @classmethod
    def of(cls, what: str, folder: Path | str) -> Room:
        """Of the file system on which a folder lies, as somebody without privileges may use it.

        Raises OSError.
        """
        found = os.statvfs(folder)
        return cls(
            object=what,
            bytes_total=found.f_blocks * found.f_frsize,
            bytes_free=found.f_bavail * found.f_frsize,
            inodes_total=found.f_files,
            inodes_free=found.f_favail,
        )


class Storage(Value):
    database: Database | None = None
    """None where nobody can say."""
    of_database: Room | None = None
    of_files: Room | None = None
