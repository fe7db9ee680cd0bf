"""The mark that Dagster's role in the stack's own Postgres is no superuser, and the plan of taking that away.

Who has which right is in the database, which a plan does not ask: it would need a command in a pod. So
whoever has settled it notes on the StatefulSet for which claim (its uid); with another claim it is due again.
`health` asks the database itself.
"""

from typing import Any

from playground_ops.checks import causes
from playground_ops.checks.room import ROLES_SETTLED
from playground_ops.config import Configuration
from playground_ops.core.plan import Change, FieldChange
from playground_ops.render.database import USER
from playground_ops.render.names import MANAGER, POSTGRES
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import path_of

COMPONENT = "postgres"
MERGE = "application/merge-patch+json"


def planned(connection: Connection, configuration: Configuration) -> list[Change]:
    """Return the change of the role, where there is a Postgres of which nobody noted it."""
    found = None if configuration.postgres.external else connection.get(server(configuration))
    if found is None or _is_settled(connection, configuration, found):
        return []
    taken = FieldChange(path="superuser", before="true, as the image makes it", after="false")
    change = Change(
        component=COMPONENT, kind="postgres", object=causes.role(USER), action="update", fields=(taken,)
    )
    return [change.model_copy(update={"needs_bootstrap": connection.is_ops})]


def is_due(connection: Connection, configuration: Configuration) -> bool:
    if configuration.postgres.external:
        return False
    return not _is_settled(connection, configuration, connection.get(server(configuration)) or {})


def note(connection: Connection, configuration: Configuration) -> None:
    """Note that the roles are settled."""
    body = {"metadata": {"annotations": {ROLES_SETTLED: claim(connection, configuration)}}}
    connection.request("PATCH", server(configuration), body, MERGE, {"fieldManager": MANAGER})


def _is_settled(connection: Connection, configuration: Configuration, server: dict[str, Any]) -> bool:
    noted = (server.get("metadata", {}).get("annotations") or {}).get(ROLES_SETTLED)
    return noted is not None and noted == claim(connection, configuration)


def server(configuration: Configuration) -> str:
    return path_of("apps/v1", "StatefulSet", POSTGRES, configuration.kubernetes.namespace)


def claim(connection: Connection, configuration: Configuration) -> str:
    """Return the uid of its claim; empty when there is none."""
    name, namespace = f"data-{POSTGRES}-0", configuration.kubernetes.namespace
    found = connection.get(path_of("v1", "PersistentVolumeClaim", name, namespace)) or {}
    return str(found.get("metadata", {}).get("uid", ""))
