"""Writing the objects of a plan: server-side apply, in the order of rendering, and nothing unchanged."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from playground_ops.config import Configuration
from playground_ops.core.errors import PlaygroundError
from playground_ops.core.plan import Change
from playground_ops.core.target import Say
from playground_ops.render.names import MANAGER, Object, an_object
from playground_ops.render.stack import render
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import path, title
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.objects.inventory import FOUNDATION_ELSEWHERE, STACK
from playground_ops.targets.kubernetes.objects.planning import APPLY

DONE = {"create": "created", "update": "changed"}


def apply_changes(
    connection: Connection, configuration: Configuration, changed: Sequence[Change], say: Say
) -> None:
    """Raises PlaygroundError with the first refusal; what came before it is applied."""
    actions = {change.object: change.action for change in changed if change.object}
    for objects in render(configuration).values():
        for wanted in objects:
            if (action := actions.get(title(wanted))) in DONE:
                apply_object(connection, wanted)
                say(f"{title(wanted)} {DONE[str(action)]}")
    for one in changed:
        if one.object and one.action == "delete" and delete(connection, _path_of(one.object, configuration)):
            say(f"{one.object} deleted")


def _path_of(what: str, configuration: Configuration) -> str:
    """Of `kind/name` or `kind/namespace/name`, as `title` wrote it."""
    kind, *namespace, name = what.split("/")
    api, kind = next(pair for pair in (*STACK, *FOUNDATION_ELSEWHERE) if pair[1].lower() == kind)
    return path(an_object(api, kind, name, (*namespace, configuration.kubernetes.namespace)[0], {}))


def apply_object(connection: Connection, wanted: Object) -> None:
    """Fields that somebody else set are taken back: the plan named them. Raises Refusal."""
    query = {"fieldManager": MANAGER, "force": "true"}
    connection.request("PATCH", path(wanted), wanted, APPLY, query)


def delete(connection: Connection, where: str, **query: str) -> bool:
    """Whether it was there. What hangs on it is deleted after it."""
    try:
        connection.request("DELETE", where, query={"propagationPolicy": "Background", **query})
    except Refusal as refusal:
        if refusal.code != 404:
            raise
        return False
    return True


def delete_all(connection: Connection, found: Collection[Object], say: Say) -> None:
    """Every object that can be deleted is; raises PlaygroundError with all refusals."""
    refused = []
    for one in found:
        try:
            if delete(connection, path(one)):
                say(f"{title(one)} deleted")
        except Refusal as refusal:
            refused.append(refusal.finding)
    if refused:
        raise PlaygroundError(*refused)
