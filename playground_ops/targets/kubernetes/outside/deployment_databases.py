"""Makes databases of deployments in the stack's own Postgres, each of a role that may enter no other.

The Secret comes first, since pods can't start without it. Every step may be repeated, and is, until the
outcome is noted. What is there stays when a deployment is taken out: with its name its history comes back.
"""

from playground_ops.config import Configuration
from playground_ops.core.target import Say
from playground_ops.render.database import name_of, password_secret
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import path_of
from playground_ops.targets.kubernetes.objects import database_mark
from playground_ops.targets.kubernetes.outside import databases, postgres


def ensure(connection: Connection, configuration: Configuration, say: Say) -> None:
    """Make what is not noted as made. Raises PlaygroundError when Postgres does not come up."""
    due = [one for one in database_mark.of_deployments(configuration) if _is_due(connection, one)]
    where = postgres.running(connection, configuration, say) if due else None
    for view in due:
        assert where is not None, "Postgres runs where anything is due"
        version = databases.make(connection, where, name_of(view), _secret(view))
        database_mark.note(connection, view, version)
        say(f"database {name_of(view)} is there, for deployment {view.deployment} alone")


def is_any_due(connection: Connection, configuration: Configuration) -> bool:
    return any(_is_due(connection, one) for one in database_mark.of_deployments(configuration))


def _is_due(connection: Connection, view: Configuration) -> bool:
    version = databases.version_of(connection.metadata(_secret(view)))
    return database_mark.due(connection, view, version)


def _secret(view: Configuration) -> str:
    return path_of("v1", "Secret", password_secret(view), view.kubernetes.namespace)
