"""Databases of isolated locations, and copies of their deployments' database passwords there.

The Secret comes first, since pods can't start without it; an annotation says which version of it Postgres
has. So the next deploy completes whatever was interrupted.

A pod can't use a Secret of another namespace. A copy contains only the password.
"""

import base64
import secrets
import time
from collections.abc import Mapping
from typing import Any

from playground_ops.config import Configuration
from playground_ops.core.clock import SystemClock
from playground_ops.core.errors import Finding, PlaygroundError, certain
from playground_ops.core.model import Location
from playground_ops.core.redact import learn
from playground_ops.core.target import Say
from playground_ops.render.database import (
    DATABASE,
    OWN_SECRET,
    PASSWORD_KEY,
    URL_KEY,
    USER,
    own_database,
    password_secret,
    reach,
)
from playground_ops.render.mounted_versions import SECRET_VERSION
from playground_ops.render.names import MANAGER, PREFIX, an_object, labels
from playground_ops.render.namespaces import place
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import collection, path, path_of, title
from playground_ops.targets.kubernetes.objects.applying import apply_object
from playground_ops.targets.kubernetes.objects.database import BYTES
from playground_ops.targets.kubernetes.objects.secret_versions import new_version
from playground_ops.targets.kubernetes.outside import postgres
from playground_ops.targets.kubernetes.outside.executing import Place
from playground_ops.targets.kubernetes.outside.postgres import verifier

READY = f"{PREFIX}database-ready"
"""Annotation of the Secret with the version that Postgres has."""
FIRST = "first"
ATTEMPT_SECONDS = 60.0
MERGE = "application/merge-patch+json"
SCRIPT = """\
SELECT 'CREATE ROLE {name}' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}') \\gexec
ALTER ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD '{verifier}';
SELECT format('REVOKE %I FROM {name}', had.rolname)
    || coalesce(' GRANTED BY ' || quote_ident(giver.rolname), '') || ' CASCADE'
  FROM pg_auth_members AS found JOIN pg_roles AS had ON had.oid = found.roleid
  JOIN pg_roles AS who ON who.oid = found.member LEFT JOIN pg_roles AS giver ON giver.oid = found.grantor
  WHERE who.rolname = '{name}' \\gexec
SELECT 'CREATE DATABASE {name} OWNER {name}'
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{name}') \\gexec
ALTER DATABASE {name} OWNER TO {name};
REVOKE ALL ON DATABASE {name}, {database}, postgres, template1 FROM PUBLIC;
GRANT ALL ON DATABASE {database} TO {owner};
"""
"""It revokes rights because Postgres lets every role connect to every database by default."""


def ensure_secrets(connection: Connection, configuration: Configuration, say: Say) -> None:
    """Create the missing Secrets. Never replaces one."""
    for location in _with_one(configuration):
        wanted = _secret(configuration, location)
        if connection.metadata(path(wanted)) is None:
            wanted["stringData"] = _content(configuration, location, secrets.token_urlsafe(BYTES))
            connection.request("POST", collection("v1", "Secret", wanted["metadata"]["namespace"]), wanted)
            say(f"{title(wanted)} created")


def ensure(connection: Connection, configuration: Configuration, say: Say) -> None:
    """Make Postgres have what the Secrets say. Raises PlaygroundError when it does not come up."""
    due = [one for one in _with_one(configuration) if not _is_ready(connection, configuration, one)]
    if not due:
        return
    where = postgres.running(connection, configuration, say)
    for location in due:
        wanted = path(_secret(configuration, location))
        version = make(connection, where, own_database(location.name), wanted)
        body = {"metadata": {"annotations": {READY: version}}}
        connection.request("PATCH", wanted, body, MERGE, {"fieldManager": MANAGER})
        say(f"database {own_database(location.name)} is there, for {location.name} alone")


def make(connection: Connection, where: Place, name: str, secret: str) -> str:
    """Make the role and the database of one name, with the password in the Secret at this path.

    Returns the version of the Secret. May be repeated. Raises PlaygroundError.
    """
    deadline = time.monotonic() + ATTEMPT_SECONDS
    while True:
        try:
            return _make(connection, where, name, secret)
        except PlaygroundError:
            # An image that makes its first database restarts the server once.
            if time.monotonic() > deadline:
                raise
            SystemClock().sleep(1.0)


def rotate(connection: Connection, configuration: Configuration, say: Say) -> None:
    """Give each a new password. The next deploy or rotation completes an interrupted one."""
    for location in _with_one(configuration):
        wanted = _secret(configuration, location)
        content = _content(configuration, location, secrets.token_urlsafe(BYTES))
        notes = {SECRET_VERSION: new_version(connection)}
        body = {"metadata": {"annotations": notes}, "stringData": content}
        connection.request("PATCH", path(wanted), body, MERGE, {"fieldManager": MANAGER})
        say(f"{title(wanted)} changed")
    ensure(connection, configuration, say)


def _with_one(configuration: Configuration) -> list[Location]:
    return [one for one in configuration.isolated if one.isolation and one.isolation.database]


def _secret(configuration: Configuration, location: Location) -> dict[str, Any]:
    where = place(configuration, location.name)
    tags = {**labels(OWN_SECRET, "database"), **where.tags}
    return an_object("v1", "Secret", OWN_SECRET, where.namespace, tags, type="Opaque")


def _content(configuration: Configuration, location: Location, password: str) -> dict[str, str]:
    name, (host, port) = own_database(location.name), reach(configuration, location.name)
    return {
        **{"username": name, PASSWORD_KEY: password, "host": host, "port": str(port), "database": name},
        URL_KEY: f"postgresql://{name}:{password}@{host}:{port}/{name}",
    }


def _is_ready(connection: Connection, configuration: Configuration, location: Location) -> bool:
    found = connection.metadata(path(_secret(configuration, location))) or {}
    return bool((found.get("annotations") or {}).get(READY) == version_of(found))


def _make(connection: Connection, where: Place, name: str, secret: str) -> str:
    """Make them. Postgres gets a verifier, so not even its log sees the password."""
    found = connection.request("GET", secret)
    password = base64.b64decode(found["data"][PASSWORD_KEY]).decode()
    learn([password])
    script = SCRIPT.format(name=name, verifier=verifier(password), database=DATABASE, owner=USER)
    postgres.psql(connection, where, postgres.SAFELY + script, postgres.superuser(connection, where))
    return version_of(found["metadata"])


def version_of(secret: Mapping[str, Any] | None) -> str:
    """Return the version of a Secret by its metadata; one that was never changed has the first."""
    notes = (secret or {}).get("annotations") or {}
    return str(notes.get(SECRET_VERSION, FIRST))


COMPONENT = "copy"
COPIED = f"{PREFIX}copied-from"
"""Annotation with the copied resourceVersion, so that contents need not be read to compare them."""


def ensure_copies(connection: Connection, configuration: Configuration, say: Say) -> None:
    """Copy the password of each one's deployment.

    Raises PlaygroundError for every Secret of that name that is somebody else's.
    """
    copies = [_copy(configuration, location) for location in configuration.isolated]
    theirs = [title(one) for one in copies if _is_somebody_elses(connection, one)]
    if theirs:
        raise PlaygroundError(*map(_strangers, theirs))
    for wanted in copies:
        where = path_of("v1", "Secret", wanted["metadata"]["name"], configuration.kubernetes.namespace)
        if not _is_current(connection, wanted, where):
            source = connection.request("GET", where)
            wanted["metadata"]["annotations"] = {COPIED: source["metadata"]["resourceVersion"]}
            apply_object(connection, {**wanted, "data": {PASSWORD_KEY: source["data"][PASSWORD_KEY]}})
            say(f"{title(wanted)} copied")


def _copy(configuration: Configuration, location: Location) -> dict[str, Any]:
    name = password_secret(configuration.of(location.deployment))
    there = place(configuration, location.name)
    tags = {**labels(name, COMPONENT), **there.tags}
    return an_object("v1", "Secret", name, there.namespace, tags, type="Opaque")


def _is_somebody_elses(connection: Connection, wanted: dict[str, Any]) -> bool:
    found = connection.metadata(path(wanted))
    return found is not None and (found.get("labels") or {}).get("app.kubernetes.io/component") != COMPONENT


def _is_current(connection: Connection, wanted: dict[str, Any], source: str) -> bool:
    found, origin = connection.metadata(path(wanted)), connection.metadata(source)
    copied = ((found or {}).get("annotations") or {}).get(COPIED)
    return origin is None or copied == origin["resourceVersion"]


def _strangers(what: str) -> Finding:
    return certain(
        object=what,
        observed="It is there already, and is not the stack's copy of its database's password.",
        cause="Somebody else's work is not overwritten.",
        fix="Delete it, or give the location another namespace.",
    )
