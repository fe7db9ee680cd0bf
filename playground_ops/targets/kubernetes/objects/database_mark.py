"""The mark that a deployment's database is in the stack's own Postgres, and the plan of making it.

What is in Postgres no plan can see. So whoever has made the database and its role notes on the StatefulSet
for which claim (its uid), and with which version of the password. With another claim it is due again.
"""

from typing import Any

from playground_ops.config import Configuration
from playground_ops.core.model import MAIN
from playground_ops.core.plan import Change, FieldChange
from playground_ops.render.database import name_of
from playground_ops.render.names import MANAGER, PREFIX
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.objects.database_role import MERGE, claim, server

COMPONENT = "postgres"


def key(deployment: str) -> str:
    """Return the annotation for a deployment."""
    return f"{PREFIX}database-{deployment}"


def of_deployments(configuration: Configuration) -> list[Configuration]:
    """Return the views of deployments that have a database of their own in the stack's Postgres."""
    beside = [view for view in configuration.views if view.deployment != MAIN]
    return [view for view in beside if view.postgres.external is None]


def planned(connection: Connection, configuration: Configuration) -> list[Change]:
    """Return a change for each database that nobody has made, where Postgres is there already."""
    views = of_deployments(configuration)
    found = connection.get(server(configuration)) if views else None
    if found is None:
        return []
    now = claim(connection, configuration)
    return [_change(connection, view) for view in views if not _noted(found, view).startswith(f"{now} ")]


def due(connection: Connection, configuration: Configuration, version: str) -> bool:
    """Return whether the database of the deployment of this view is to be made, or gets another password."""
    found = connection.get(server(configuration)) or {}
    return _noted(found, configuration) != f"{claim(connection, configuration)} {version}"


def note(connection: Connection, configuration: Configuration, version: str) -> None:
    """Note that it is there, with this version of the password. `configuration` is its deployment's view."""
    told = f"{claim(connection, configuration)} {version}"
    body = {"metadata": {"annotations": {key(configuration.deployment): told}}}
    connection.request("PATCH", server(configuration), body, MERGE, {"fieldManager": MANAGER})


def forget(connection: Connection, configuration: Configuration) -> None:
    """Take the notes away: all are due again, and with them the rights of their roles."""
    notes = {key(view.deployment): None for view in of_deployments(configuration)}
    if notes:
        body = {"metadata": {"annotations": notes}}
        connection.request("PATCH", server(configuration), body, MERGE, {"fieldManager": MANAGER})


def _change(connection: Connection, view: Configuration) -> Change:
    name = name_of(view)
    made = FieldChange(path="database", before=None, after=f"of role {name}, which alone may connect")
    return Change(
        component=COMPONENT,
        kind="postgres",
        object=f"database/{name}",
        action="update",
        fields=(made,),
        needs_bootstrap=connection.is_ops,
    )


def _noted(found: dict[str, Any], view: Configuration) -> str:
    notes = found.get("metadata", {}).get("annotations") or {}
    return str(notes.get(key(view.deployment), ""))
