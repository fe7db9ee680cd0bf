"""Reads the state of a deployment's database in Postgres: its size, its schema, what its role may do."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playground_ops.core.component import Database
from playground_ops.targets.common.instance import opened

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

NAME, SIZE = "SELECT current_database()", "SELECT pg_database_size(current_database())"
CONNECTIONS = {
    "connections": """SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL AND usesysid IS NOT NULL
  AND coalesce(backend_type, 'client backend') = 'client backend'""",
    "most_connections": """SELECT current_setting('max_connections')::int
  - current_setting('superuser_reserved_connections')::int""",
}
"""About the complete server; the first counts sessions of roles of which this one may see no more than that
they are there."""
ON_DISK = "SELECT pg_tablespace_size('pg_default') + (SELECT sum(size) FROM pg_ls_waldir())"
"""A query for the size of the server's files. `GRANT EXECUTE ON FUNCTION pg_ls_waldir()` is enough for it."""
RIGHTS = """
SELECT lower(had) FROM (
  SELECT unnest(ARRAY[
    CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolcreaterole THEN 'CREATEROLE' END,
    CASE WHEN rolcreatedb THEN 'CREATEDB' END, CASE WHEN rolreplication THEN 'REPLICATION' END,
    CASE WHEN rolbypassrls THEN 'BYPASSRLS' END
  ]) AS had FROM pg_catalog.pg_roles WHERE rolname = current_user
  UNION ALL SELECT rolname FROM pg_catalog.pg_roles JOIN pg_catalog.pg_auth_members ON roleid = oid
    WHERE member = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user)
) AS found WHERE had IS NOT NULL
"""


class Measured(str, Enum):
    """What is asked of a database beside its size and its schema."""

    THEIRS = "the server's connections: it is somebody else's"
    OWN = "the rights of its role, in the stack's own server"
    SERVER = "both, and the bytes of the complete server"


def measure(dagster_home: Path, what: Measured) -> tuple[Database, int]:
    """Return the database's state, and the bytes of the complete server on its disk, or 0.

    Raises PlaygroundError when it does not answer.
    """
    with opened(dagster_home) as instance:
        storage: Any = instance.run_storage
        with storage.connect() as connection:
            asked = {"bytes_used": SIZE, **({} if what is Measured.OWN else CONNECTIONS)}
            found = {name: _number(connection, text) for name, text in asked.items()}
            (name,) = _words(connection, NAME)
            on_disk = _number(connection, ON_DISK) if what is Measured.SERVER else 0
            rights = () if what is Measured.THEIRS else _words(connection, RIGHTS)
        revision, wanted = storage.alembic_version()
    state = Database(**found, name=name, revision=revision, wanted_revision=wanted, too_many_rights=rights)
    return state, on_disk


def _words(connection: Connection, query: str) -> tuple[str, ...]:
    from sqlalchemy import text

    return tuple(str(row[0]) for row in connection.execute(text(query)))


def _number(connection: Connection, query: str) -> int:
    from sqlalchemy import text

    return int(connection.execute(text(query)).scalar_one())
