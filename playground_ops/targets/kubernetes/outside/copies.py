"""The database's password where isolated locations read it: a copy in each namespace, renewed by a deploy.

A Secret can't be read from another namespace. Copies have the password and nothing else of the Secret.
"""

from __future__ import annotations

from typing import Any

from playground_ops.config import Configuration
from playground_ops.errors import Finding, FindingKind, PlaygroundError
from playground_ops.render.database import PASSWORD_KEY, password_secret
from playground_ops.render.names import PREFIX, an_object, labels
from playground_ops.render.places import place
from playground_ops.targets.base import Say
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import path, title
from playground_ops.targets.kubernetes.objects.applying import apply_object

COMPONENT = "copy"
COPIED = f"{PREFIX}copied-from"
"""Annotation: the resourceVersion of what was copied. No content is asked for to know that it is the same."""


def ensure_copies(connection: Connection, configuration: Configuration, say: Say) -> None:
    """Raises PlaygroundError where somebody else has a Secret of that name."""
    name = password_secret(configuration)
    where = path(an_object("v1", "Secret", name, configuration.kubernetes.namespace, {}))
    for location in configuration.isolated:
        there = place(configuration, location.name)
        tags = {**labels(name, COMPONENT), **there.tags}
        wanted = an_object("v1", "Secret", name, there.namespace, tags, type="Opaque")
        if not _is_current(connection, wanted, where):
            source = connection.request("GET", where)
            wanted["metadata"]["annotations"] = {COPIED: source["metadata"]["resourceVersion"]}
            apply_object(connection, {**wanted, "data": {PASSWORD_KEY: source["data"][PASSWORD_KEY]}})
            say(f"{title(wanted)} copied")


def _is_current(connection: Connection, wanted: dict[str, Any], source: str) -> bool:
    found, origin = connection.metadata(path(wanted)), connection.metadata(source)
    if found is not None and (found.get("labels") or {}).get("app.kubernetes.io/component") != COMPONENT:
        raise PlaygroundError(_strangers(title(wanted)))
    copied = ((found or {}).get("annotations") or {}).get(COPIED)
    return origin is None or copied == origin["resourceVersion"]


def _strangers(what: str) -> Finding:
    return Finding(
        kind=FindingKind.CERTAIN,
        object=what,
        observed="It is there already, and is not the stack's copy of its database's password.",
        cause="Somebody else's work is not overwritten.",
        fix="Delete it, or give the location another namespace.",
    )
