"""The databases of a stack's deployments: their passwords, and dumps of them to the claim."""

import re
import secrets
from uuid import uuid4

from playground_ops.config import Configuration
from playground_ops.core import messages
from playground_ops.core.component import Backup
from playground_ops.core.errors import Finding, PlaygroundError, certain, transient
from playground_ops.core.model import MAIN
from playground_ops.core.redact import learn, redact
from playground_ops.core.target import Say
from playground_ops.render import jobs
from playground_ops.render.database import PASSWORD_KEY, password_secret
from playground_ops.render.names import an_object, labels
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import collection, path, title
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.pods import one_shot

BYTES = 24


def ensure_database_passwords(connection: Connection, configuration: Configuration, say: Say) -> None:
    """Create the Secret of each deployment unless it exists or the configuration names one.

    Never replaces one: that of a deployment that was taken out and comes back is the one of its database.
    """
    for name in configuration.deployment_names:
        _ensure_password(connection, configuration.of(name), say)


def _ensure_password(connection: Connection, configuration: Configuration, say: Say) -> None:
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


LONGEST_SECONDS = 3600
KEPT_LINES = 15


def dump_all(connection: Connection, configuration: Configuration, when: str, say: Say) -> list[Backup]:
    """Back up the database of every deployment. `when`: UTC, ISO 8601.

    Raises PlaygroundError with each that failed, after the others were made; what was made is said.
    """
    made: list[Backup] = []
    failed: list[Finding] = []
    for name in configuration.deployment_names:
        try:
            made.append(dump(connection, configuration.of(name), when, say))
        except PlaygroundError as error:
            failed += error.findings
    if failed:
        for one in made:
            say(f"{one.file} was made, of deployment {one.deployment}: {one.bytes:,} bytes")
        raise PlaygroundError(*failed)
    return made


def dump(connection: Connection, configuration: Configuration, when: str, say: Say) -> Backup:
    """Back up the database of the deployment that it is a view of (the whole: the main one).

    `when`: UTC, ISO 8601. Raises PlaygroundError, and leaves the earlier backups as they were.
    """
    stamp = re.sub(r"[^0-9TZ]", "", when.partition(".")[0].partition("+")[0] + "Z")
    file = f"dagster-{stamp}-{uuid4().hex[:4]}{jobs.BACKUP_SUFFIX}"
    pod = jobs.backup_pod(configuration, f"dagster-backup-{uuid4().hex[:8]}", file, LONGEST_SECONDS)
    name = pod["metadata"]["name"]

    whose = "" if configuration.deployment == MAIN else f" of deployment {configuration.deployment}"

    def waits_for(message: str) -> None:
        say(f"the backup's pod{whose}: {message}")

    one_shot.create(connection, pod)
    ended = one_shot.see_to_its_end(
        connection, pod, LONGEST_SECONDS, lambda what: _no_answer(name, what), waits_for
    )
    kept = next(messages.of_kind("kept", ended.said), None)
    if ended.code != 0 or kept is None:
        raise PlaygroundError(_dump_failed(name, ended, configuration.deployment))
    removed = tuple(one["file"] for one in messages.of_kind("removed", ended.said))
    folder = jobs.backup_folder(configuration)
    deployment = configuration.deployment
    return Backup(file=f"{folder}/{file}", bytes=kept["bytes"], removed=removed, deployment=deployment)


def _dump_failed(name: str, ended: one_shot.Ended, deployment: str) -> Finding:
    which = "The backup" if deployment == MAIN else f"The backup of deployment {deployment}"
    told = f"was ended after {LONGEST_SECONDS} s" if ended.too_late else f"ended with exit code {ended.code}"
    said = [line for line in redact(ended.said).splitlines() if line.strip()]
    last = f": {said[-1].rstrip('.')}" if said else ""
    return certain(
        object=f"pod/{name}",
        observed=f"{which} {told}{last}. The earlier backups are as they were.",
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
