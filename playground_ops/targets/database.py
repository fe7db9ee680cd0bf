"""What Dagster's database tells of itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from playground_ops.storage import Database
from playground_ops.targets.instance import opened

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

SIZE = "SELECT pg_database_size(current_database())"
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
MOST = """SELECT current_setting('max_connections')::int
  - current_setting('superuser_reserved_connections')::int"""
ON_DISK = (
    "SELECT (SELECT sum(pg_database_size(oid)) FROM pg_database) + (SELECT sum(size) FROM pg_ls_waldir())"
)
"""Of the whole server; only a role with `pg_monitor`, or a superuser, may ask for the log's files."""


def measure(dagster_home: Path, *, whole: bool) -> tuple[Database, int]:
    """And the bytes of the whole server on its disk, where `whole` asks for them.

    Raises PlaygroundError when it does not answer.
    """
    with opened(dagster_home) as instance:
        storage: Any = instance.run_storage
        with storage.connect() as connection:
            found = {name: _number(connection, text) for name, text in _QUESTIONS.items()}
            on_disk = _number(connection, ON_DISK) if whole else 0
        revision, wanted = storage.alembic_version()
    return Database(**found, revision=revision, wanted_revision=wanted), on_disk


_QUESTIONS = {"bytes_used": SIZE, "connections": CONNECTIONS, "most_connections": MOST}


def _number(connection: Connection, query: str) -> int:
    from sqlalchemy import text

    return int(connection.execute(text(query)).scalar_one())
