"""The stack's database: its password, the migration of its schema, and a dump to the claim."""

import re
import secrets
from collections.abc import Sequence
from uuid import uuid4

from playground_ops.config import Configuration
from playground_ops.core import messages
from playground_ops.core.component import Backup
from playground_ops.core.errors import Finding, PlaygroundError, certain, transient
from playground_ops.core.plan import Change
from playground_ops.core.redact import learn, redact
from playground_ops.core.target import Say
from playground_ops.render import jobs
from playground_ops.render.database import PASSWORD_KEY, password_secret
from playground_ops.render.names import BACKUP_FOLDER, DAEMON, WEBSERVER, an_object, labels
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import collection, path, title
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.pods import one_shot
from playground_ops.targets.kubernetes.pods.remote_job import Listener, run_job

BYTES = 24


def ensure_database_password(connection: Connection, configuration: Configuration, say: Say) -> None:
    """Create the Secret unless it exists or the configuration names one. Never replaces one."""
    if configuration.postgres.password_secret or configuration.postgres.external:
        return
    name, namespace = password_secret(configuration), configuration.kubernetes.namespace
    wanted = an_object("v1", "Secret", name, namespace, labels(name, "postgres"), type="Opaque")
    if connection.metadata(path(wanted)) is not None:
        return
    password = secrets.token_urlsafe(BYTES)
    learn([password])
    wanted["stringData"] = {PASSWORD_KEY: password}
    try:
        connection.request("POST", collection("v1", "Secret", namespace), wanted)
    except Refusal as refusal:
        if refusal.reason != "AlreadyExists":
            raise  # else somebody deploys at the same moment, and made it
        return
    say(f"{title(wanted)} created")


TOLD_LINES = 30


def is_due(changed: Sequence[Change]) -> bool:
    """Return whether a running webserver or daemon gets another image; a first bootstrap migrates nothing."""
    return any(
        change.object in (f"deployment/{WEBSERVER}", f"deployment/{DAEMON}")
        and change.action == "update"
        and any(".containers[" in field.path and field.path.endswith("].image") for field in change.fields)
        for change in changed
    )


def migrate(connection: Connection, configuration: Configuration, say: Say) -> None:
    """Migrate the schema in a Job, before all other changes. Raises PlaygroundError with its log's end."""
    if connection.is_ops:
        raise PlaygroundError(_not_from_inside())
    said: list[str] = []
    job = jobs.migration_job(configuration, f"dagster-migration-{uuid4().hex[:8]}")
    say("another image of Dagster: first the database's schema is migrated")
    code = run_job(connection, job, "the migration's pod", Listener(said.append, say))
    if code:
        raise PlaygroundError(_migration_failed(job["metadata"]["name"], code, said))
    say("the schema is migrated")


def _not_from_inside() -> Finding:
    return certain(
        object="component/webserver",
        observed="Webserver or daemon would get another image, and so perhaps another version of Dagster.",
        cause="Then the database's schema is migrated first, which `ops` has no right to do.",
        fix="Run `python -m playground_ops deploy` from a clone; `backup FILE` before it is a good idea.",
    )


def _migration_failed(name: str, code: int, said: Sequence[str]) -> Finding:
    return certain(
        object=f"job/{name}",
        observed=f"`dagster instance migrate` ended with exit code {code}. Nothing else was changed.",
        cause="The words below are its own.",
        fix="Mend what they name, then deploy again; `restore FILE` brings back a backup.",
        evidence="\n".join(said[-TOLD_LINES:]),
    )


LONGEST_SECONDS = 3600
KEPT_LINES = 15


def dump(connection: Connection, configuration: Configuration, when: str, say: Say) -> Backup:
    """Back up. `when`: UTC, ISO 8601. Raises PlaygroundError, and leaves the earlier backups as they were."""
    stamp = re.sub(r"[^0-9TZ]", "", when.partition(".")[0].partition("+")[0] + "Z")
    file = f"dagster-{stamp}-{uuid4().hex[:4]}{jobs.BACKUP_SUFFIX}"
    pod = jobs.backup_pod(configuration, f"dagster-backup-{uuid4().hex[:8]}", file, LONGEST_SECONDS)
    name = pod["metadata"]["name"]

    def waits_for(message: str) -> None:
        say(f"the backup's pod: {message}")

    one_shot.create(connection, pod)
    ended = one_shot.see_to_its_end(
        connection, pod, LONGEST_SECONDS, lambda what: _no_answer(name, what), waits_for
    )
    kept = next(messages.of_kind("kept", ended.said), None)
    if ended.code != 0 or kept is None:
        raise PlaygroundError(_dump_failed(name, ended))
    removed = tuple(one["file"] for one in messages.of_kind("removed", ended.said))
    return Backup(file=f"{BACKUP_FOLDER}/{file}", bytes=kept["bytes"], removed=removed)


def _dump_failed(name: str, ended: one_shot.Ended) -> Finding:
    told = f"was ended after {LONGEST_SECONDS} s" if ended.too_late else f"ended with exit code {ended.code}"
    said = [line for line in redact(ended.said).splitlines() if line.strip()]
    last = f": {said[-1].rstrip('.')}" if said else ""
    return certain(
        object=f"pod/{name}",
        observed=f"The backup {told}{last}. The earlier backups are as they were.",
        cause="These are the words of pg_dump, or of the file system.",
        fix="Set `images: postgres:` to the server's version; make room on the claim, or keep fewer.",
        evidence="\n".join(said[-KEPT_LINES:]),
    )


def _no_answer(name: str, what: str) -> Finding:
    return transient(
        object=f"pod/{name}",
        observed=f"No backup was made: {what}.",
        cause="The cluster has no room for it, or somebody deleted it.",
        fix="Launch it again; `kubectl get pods -l app.kubernetes.io/component=backup` shows it.",
    )
