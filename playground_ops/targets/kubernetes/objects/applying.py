"""Writes the changed objects of a plan, by server-side apply and in the order of rendering."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from playground_ops.core.errors import PlaygroundError
from playground_ops.core.plan import Change
from playground_ops.core.target import Say
from playground_ops.render.names import MANAGER, Object
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import path, title
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.objects.planning import APPLY

DONE = {"create": "created", "update": "changed"}


def apply_changes(connection: Connection, changed: Sequence[Change], say: Say) -> None:
    """Apply in this order. Raises PlaygroundError at the first refusal; earlier changes stay applied."""
    for change in changed:
        if change.manifest is None:
            continue
        if change.action == "delete":
            if delete(connection, path(change.manifest)):
                say(f"{change.object} deleted")
        elif change.action in DONE:
            apply_object(connection, change.manifest)
            say(f"{change.object} {DONE[change.action]}")


def apply_object(connection: Connection, wanted: Mapping[str, Any]) -> None:
    """Apply an object, forcing fields that somebody else set: the plan named them. Raises Refusal."""
    query = {"fieldManager": MANAGER, "force": "true"}
    connection.request("PATCH", path(wanted), wanted, APPLY, query)


def delete(connection: Connection, where: str, **query: str) -> bool:
    """Delete an object, and its dependents after it. Returns whether it was there."""
    try:
        connection.request("DELETE", where, query={"propagationPolicy": "Background", **query})
    except Refusal as refusal:
        if refusal.code != 404:
            raise
        return False
    return True


def delete_all(connection: Connection, found: Collection[Object], say: Say) -> None:
    """Delete every object that can be deleted. Raises PlaygroundError with all refusals."""
    refused = []
    for one in found:
        try:
            if delete(connection, path(one)):
                say(f"{title(one)} deleted")
        except Refusal as refusal:
            refused.append(refusal.finding)
    if refused:
        raise PlaygroundError(*refused)
