"""Where a stack keeps what it keeps: its database and its volumes. Values."""

from __future__ import annotations

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


class Storage(Value):
    database: Database | None = None
    """None where nobody can say."""
    of_database: Room | None = None
    of_files: Room | None = None
