"""The database written to the claim that outlives pods, by a pod: what the job in the UI does."""

from __future__ import annotations

import re
from uuid import uuid4

from playground_ops.config import Configuration
from playground_ops.errors import Finding, FindingKind, PlaygroundError
from playground_ops.model import Backup
from playground_ops.redact import redact
from playground_ops.render import backup
from playground_ops.targets.base import Say
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.pods import shortpods

LONGEST_SECONDS = 3600
KEPT_LINES = 15
_SIZE, _REMOVED = re.compile(r"^bytes (\d+)$", re.MULTILINE), re.compile(r"^removed (\S+)$", re.MULTILINE)


def dump(connection: Connection, configuration: Configuration, when: str, say: Say) -> Backup:
    """`when`: UTC, ISO 8601. Raises PlaygroundError; then the backups are those that were there."""
    stamp = re.sub(r"[^0-9TZ]", "", when.partition(".")[0].partition("+")[0] + "Z")
    file = f"dagster-{stamp}-{uuid4().hex[:4]}{backup.SUFFIX}"
    pod = backup.render(configuration, f"dagster-backup-{uuid4().hex[:8]}", file, LONGEST_SECONDS)
    name = pod["metadata"]["name"]

    def waits_for(message: str) -> None:
        say(f"the backup's pod: {message}")

    ended = shortpods.run(connection, pod, LONGEST_SECONDS, lambda what: _no_answer(name, what), waits_for)
    size = _SIZE.search(ended.said)
    if ended.code != 0 or size is None:
        raise PlaygroundError(_failed(name, ended))
    return Backup(
        file=f"{backup.FOLDER}/{file}", bytes=int(size[1]), removed=tuple(_REMOVED.findall(ended.said))
    )


def _failed(name: str, ended: shortpods.Ended) -> Finding:
    told = f"was ended after {LONGEST_SECONDS} s" if ended.too_late else f"ended with exit code {ended.code}"
    said = [line for line in redact(ended.said).splitlines() if line.strip()]
    last = f": {said[-1].rstrip('.')}" if said else ""
    return Finding(
        kind=FindingKind.CERTAIN,
        object=f"pod/{name}",
        observed=f"The backup {told}{last}. The earlier backups are as they were.",
        cause="These are the words of pg_dump, or of the file system.",
        fix="Set `images: postgres:` to the server's version; make room on the claim, or keep fewer.",
        evidence="\n".join(said[-KEPT_LINES:]),
    )


def _no_answer(name: str, what: str) -> Finding:
    return Finding(
        kind=FindingKind.TRANSIENT,
        object=f"pod/{name}",
        observed=f"No backup was made: {what}.",
        cause="The cluster has no room for it, or somebody deleted it.",
        fix="Launch it again; `kubectl get pods -l app.kubernetes.io/component=backup` shows it.",
    )
