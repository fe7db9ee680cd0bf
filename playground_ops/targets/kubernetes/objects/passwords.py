"""The database's password: made once, where it is used, and known to nobody."""

from __future__ import annotations

import secrets

from playground_ops.config import Configuration
from playground_ops.render.database import PASSWORD_KEY, password_secret
from playground_ops.render.names import an_object, labels
from playground_ops.targets.base import Say
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import collection, path, title
from playground_ops.targets.kubernetes.api.refusals import Refusal

BYTES = 24


def ensure_database_password(connection: Connection, configuration: Configuration, say: Say) -> None:
    """Make the Secret unless it is there, or the configuration names one. Never replaces one."""
    if configuration.postgres.password_secret or configuration.postgres.external:
        return
    name, namespace = password_secret(configuration), configuration.kubernetes.namespace
    wanted = an_object("v1", "Secret", name, namespace, labels(name, "postgres"), type="Opaque")
    if connection.is_there(path(wanted)):
        return
    wanted["stringData"] = {PASSWORD_KEY: secrets.token_urlsafe(BYTES)}
    try:
        connection.request("POST", collection("v1", "Secret", namespace), wanted)
    except Refusal as refusal:
        if refusal.reason != "AlreadyExists":
            raise  # else somebody deploys at the same moment, and made it
        return
    say(f"{title(wanted)} created")
