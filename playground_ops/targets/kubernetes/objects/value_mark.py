"""The mark that values of earlier releases were moved into a folder of each location, and the plan of it.

What lies on a claim no plan can see. So whoever has moved it notes that on the claim.
"""

from collections.abc import Sequence
from typing import Any

from playground_ops.config import Configuration
from playground_ops.core.plan import Change, FieldChange
from playground_ops.render.names import ARTIFACTS, MANAGER, PREFIX
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import path_of

MOVED = f"{PREFIX}values"
"""The annotation of a claim on which each location has a folder of its own."""
OF_EACH = "a folder for each location"
VALUES = "values of runs"
COMPONENT, OBJECT = "foundation", f"persistentvolumeclaim/{ARTIFACTS}"
MERGE = "application/merge-patch+json"


def planned(connection: Connection, configuration: Configuration) -> list[Change]:
    """Return the change of each claim whose values were not moved yet."""
    where = FieldChange(path=VALUES, before="one folder for all locations", after=OF_EACH)
    return [
        Change(
            component=COMPONENT,
            kind="stack",
            object=f"{OBJECT} in {namespace}",
            action="update",
            fields=(where,),
            needs_bootstrap=connection.is_ops,
        )
        for namespace in configuration.namespaces
        if (found := connection.get(_claim(namespace))) is not None and not _noted(found)
    ]


def due(changed: Sequence[Change]) -> list[str]:
    """Return the namespaces of such changes."""
    found = [one for one in changed if [field.path for field in one.fields] == [VALUES]]
    return [one.object.rpartition(" ")[2] for one in found if one.object]


def note_new(connection: Connection, changed: Sequence[Change]) -> None:
    """Note it of claims that a deploy has just made: nothing is on them."""
    for one in changed:
        made = one.manifest if one.action == "create" else None
        if made and (made["kind"], made["metadata"]["name"]) == ("PersistentVolumeClaim", ARTIFACTS):
            note(connection, made["metadata"]["namespace"])


def note(connection: Connection, namespace: str) -> None:
    body = {"metadata": {"annotations": {MOVED: OF_EACH}}}
    connection.request("PATCH", _claim(namespace), body, MERGE, {"fieldManager": f"{MANAGER}-values"})


def _noted(found: dict[str, Any]) -> bool:
    return MOVED in (found["metadata"].get("annotations") or {})


def _claim(namespace: str) -> str:
    return path_of("v1", "PersistentVolumeClaim", ARTIFACTS, namespace)
