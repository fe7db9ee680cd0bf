"""Queries the stack's own Postgres within its pod, over its socket, which needs no password."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from playground_ops.config import Configuration
from playground_ops.core.errors import BadInput, Finding, PlaygroundError, certain, transient
from playground_ops.core.pod import Pod
from playground_ops.core.target import Say
from playground_ops.diagnose.pods import Collected, assess, is_certain
from playground_ops.render.database import ADMIN, DATABASE, USER, name_of
from playground_ops.render.names import POSTGRES
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import Selection, path_of
from playground_ops.targets.kubernetes.api.streaming import DOUBT_SECONDS, LIST_SECONDS, states
from playground_ops.targets.kubernetes.outside.executing import Place, output

ROUNDS = 4096


def verifier(password: str, salt: bytes | None = None) -> str:
    """Hash an ASCII password as Postgres stores it (SCRAM-SHA-256; RFC 5802, RFC 7677)."""
    salt = salt or secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ROUNDS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    told = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${ROUNDS}:{told[0]}${told[1]}:{told[2]}"


CONTAINER = "postgres"
AS_OWNER = ("--no-password", "--username", USER, "--dbname", DATABASE)
"""As the role of the main deployment in its database; `owner_of` is about any."""
AS_ADMIN = ("--no-password", "--username", ADMIN, "--dbname", DATABASE)
PSQL = (
    *("psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align"),
    *("--set", "ON_ERROR_STOP=1", "--file=-"),
)
START_SECONDS = 300.0
"""Time for Postgres to come up, along with everything else of a first bootstrap."""
SAFELY = "SET search_path = pg_catalog, pg_temp;\n"
"""The beginning of a superuser's script: in the schemas of a database lies what its owner put there."""
_ACTIVE = """
SELECT CASE WHEN to_regclass('public.runs') IS NULL THEN '[]' ELSE (
  xpath('/row/found/text()', query_to_xml($$
    SELECT coalesce(json_agg(json_build_object('id', run_id, 'job', pipeline_name, 'status', status)
                             ORDER BY run_id), '[]') AS found
    FROM runs WHERE status IN ('STARTING', 'STARTED', 'CANCELING')
  $$, false, true, '')))[1]::text END;
"""
"""Works in a database without tables too: the inner query is not parsed before it is run."""


@dataclass(frozen=True)
class ActiveRun:
    id: str
    job: str
    status: str

    def __str__(self) -> str:
        return f"{self.id[:8]} of {self.job} ({self.status.lower()})"


def find(connection: Connection, configuration: Configuration, instead: str) -> Place:
    """Return the container of Postgres. Raises BadInput for an external one, PlaygroundError if it is down.

    `instead` says what a person does about an external one.
    """
    if configuration.postgres.external is not None:
        raise BadInput(_external(configuration.postgres.external.host, instead))
    namespace, pod = configuration.kubernetes.namespace, f"{POSTGRES}-0"
    found = connection.get(path_of("v1", "Pod", pod, namespace))
    if not Pod.read(found or {}).is_ready:
        raise PlaygroundError(_not_ready(pod, found is not None))
    return Place(namespace, pod, CONTAINER)


def running(connection: Connection, configuration: Configuration, say: Say) -> Place:
    """Wait until Postgres runs as it was applied last.

    Raises PlaygroundError for a certain fault as soon as that is known, else at the deadline: the scheduler
    may see its pod a moment before its claim.
    """
    told, chosen, state = "", Selection(configuration.kubernetes.namespace, name=f"{POSTGRES}-0"), None

    def good_for() -> float:
        return DOUBT_SECONDS if state and state.finding else LIST_SECONDS

    for found in states(connection, chosen, START_SECONDS, good_for):
        state = assess(Collected(found[0])) if found else None
        if state and state.ready and _is_as_applied(connection, configuration, found[0]):
            break
        if state and state.finding and is_certain(state.finding, found[0], connection.now()):
            raise PlaygroundError(state.finding)
        if (
            message := f"waiting for postgres: {state.message if state else 'its pod is not made yet'}"
        ) != told:
            say(message)
            told = message
    return find(connection, configuration, "")


def _is_as_applied(connection: Connection, configuration: Configuration, pod: Pod) -> bool:
    """Return whether its controller has seen the last change, and made the pod from it."""
    where = path_of("apps/v1", "StatefulSet", POSTGRES, configuration.kubernetes.namespace)
    found = connection.get(where) or {}
    status = found.get("status", {})
    seen = status.get("observedGeneration") == found.get("metadata", {}).get("generation")
    return seen and bool(pod.labels.get("controller-revision-hash") == status.get("updateRevision"))


def psql(connection: Connection, place: Place, script: str, whose: Sequence[str] = AS_OWNER) -> str:
    """Run a script, passed by standard input only, and return its output. Raises PlaygroundError."""
    return output(connection, place, [*PSQL, *whose], script.encode()).strip()


def owner_of(configuration: Configuration) -> Sequence[str]:
    """Return as whom psql connects to a deployment's database, by its view; the whole is the main one's."""
    name = name_of(configuration)
    return ("--no-password", "--username", name, "--dbname", name)


def superuser(connection: Connection, place: Place) -> Sequence[str]:
    """Return as whom psql connects as the superuser: Dagster's role, until `roles` took that from it."""
    asked = "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user;\n"
    return AS_OWNER if psql(connection, place, asked) == "t" else AS_ADMIN


def active_runs(connection: Connection, place: Place, whose: Sequence[str] = AS_OWNER) -> list[ActiveRun]:
    """Return the runs in a database that have begun and not ended. Queued ones wait, and lose nothing."""
    told = psql(connection, place, _ACTIVE, whose).replace("&quot;", '"').replace("&amp;", "&")
    return [ActiveRun(**found) for found in json.loads(told or "[]")]


def must_have_no_runs(runs: Sequence[ActiveRun], what: str) -> None:
    """Raises PlaygroundError naming the runs, if there are any."""
    if runs:
        raise PlaygroundError(_active(runs, what))


def _active(runs: Sequence[ActiveRun], what: str) -> Finding:
    named = ", ".join(map(str, runs[:10])) + (f" and {len(runs) - 10} more" if len(runs) > 10 else "")
    return transient(
        object="runs",
        observed=f"{len(runs)} under way: {named}.",
        cause=f"{what} ends them: they lose their connection to the database.",
        fix="Wait for them, or terminate them in the UI; or end them by --force.",
    )


def _external(host: str, instead: str) -> Finding:
    return certain(
        object="configuration/postgres.external",
        observed=f"The database is not this stack's: it is at {host}.",
        cause="Only a Postgres that the stack runs is changed or read by it.",
        fix=instead,
    )


def _not_ready(pod: str, there: bool) -> Finding:
    return transient(
        object=f"pod/{pod}",
        observed="It is not ready." if there else "It is not there.",
        cause="Postgres starts, or can't start." if there else "The stack was not deployed, or is down.",
        fix="`health` tells why." if there else "Run `deploy` first.",
    )
