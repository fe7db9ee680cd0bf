"""Gives a deployment's database a new password in three steps, and may be interrupted after each.

The new password is written beside the old one; then Postgres learns it; then it replaces the old one. The
next rotation continues with a new password that it finds beside the old one.
"""

import base64
import secrets
from typing import Any

from playground_ops.config import Configuration
from playground_ops.core.errors import BadInput, Finding, PlaygroundError, certain
from playground_ops.core.redact import learn
from playground_ops.core.target import Say
from playground_ops.render.database import PASSWORD_KEY, name_of, password_secret
from playground_ops.render.mounted_versions import SECRET_VERSION
from playground_ops.render.names import MANAGER
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import path_of
from playground_ops.targets.kubernetes.objects.database import BYTES
from playground_ops.targets.kubernetes.objects.secret_versions import new_version
from playground_ops.targets.kubernetes.outside import databases, postgres
from playground_ops.targets.kubernetes.outside.executing import Place
from playground_ops.targets.kubernetes.outside.postgres import verifier

NEXT_KEY = "next-password"
MERGE = "application/merge-patch+json"
INSTEAD = (
    "Change the password there, write it into the Secret, and annotate that: "
    f"`kubectl annotate --overwrite secret NAME {SECRET_VERSION}=$(date +%s)`; then `deploy`."
)


def rotate(connection: Connection, configuration: Configuration, place: Place, say: Say) -> None:
    """Rotate the password of the deployment of which the configuration is a view (the whole: the main one).

    Databases of isolated locations of it get new ones too. Raises PlaygroundError, after which it can be
    called again.
    """
    role, where = name_of(configuration), must_be_ours(connection, configuration)
    password, version = _begun(connection, where)
    learn([password])
    say(f"secret/{password_secret(configuration)} holds the next password")
    # It gets a verifier, so not even the server's log sees the password.
    change = f"ALTER ROLE {role} PASSWORD '{verifier(password)}';\n"
    postgres.psql(connection, place, change, postgres.owner_of(configuration))
    say(f"role {role} has it")
    data = {PASSWORD_KEY: _encoded(password), NEXT_KEY: None}
    notes = {"annotations": {SECRET_VERSION: new_version(connection)}}
    _patch(connection, where, data, {"resourceVersion": version, **notes})
    say(f"secret/{password_secret(configuration)} changed")
    databases.rotate(connection, configuration, say)


def must_be_ours(connection: Connection, configuration: Configuration) -> str:
    """Return the Secret's path. Raises BadInput or PlaygroundError if it is not the stack's, or missing."""
    name = password_secret(configuration)
    if configuration.postgres.password_secret:
        raise BadInput(_a_persons(name))
    where = path_of("v1", "Secret", name, configuration.kubernetes.namespace)
    found = connection.metadata(where)
    if found is None:
        raise PlaygroundError(_none(name))
    if (found.get("labels") or {}).get("app.kubernetes.io/managed-by") != MANAGER:
        raise PlaygroundError(_a_persons(name))
    return where


def _begun(connection: Connection, where: str) -> tuple[str, str]:
    """Return the next password, which is in the Secret now, and the Secret's resourceVersion."""
    found = connection.request("GET", where)
    version = str(found["metadata"]["resourceVersion"])
    if left := found["data"].get(NEXT_KEY):
        return base64.b64decode(left).decode(), version
    password = secrets.token_urlsafe(BYTES)
    data = {NEXT_KEY: _encoded(password)}
    written = _patch(connection, where, data, {"resourceVersion": version})
    return password, str(written["metadata"]["resourceVersion"])


def _patch(connection: Connection, where: str, data: object, metadata: object) -> Any:
    """Patch the Secret; refused when somebody else changed it since the resourceVersion in `metadata`."""
    body = {"metadata": metadata, "data": data}
    return connection.request("PATCH", where, body, MERGE, {"fieldManager": MANAGER})


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _a_persons(name: str) -> Finding:
    return certain(
        object=f"secret/{name}",
        observed="It was not made by this stack.",
        cause="Whoever made it may have it written down elsewhere, and would bring the old password back.",
        fix="Set the role's password in Postgres (`\\password` of psql), write it into the Secret, annotate "
        f"that by `kubectl annotate --overwrite secret {name} {SECRET_VERSION}=$(date +%s)`, and `deploy`.",
    )


def _none(name: str) -> Finding:
    return certain(
        object=f"secret/{name}",
        observed="It is not there.",
        cause="The stack was not bootstrapped here, or somebody deleted it.",
        fix="Bootstrap the stack; for one whose Secret was deleted, make it again with the old password.",
    )
