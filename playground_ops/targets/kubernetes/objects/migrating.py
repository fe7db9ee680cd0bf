"""The schema's migration, before webserver and daemon change to another image."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from playground_ops.config import Configuration
from playground_ops.errors import Finding, FindingKind, PlaygroundError
from playground_ops.plan import Change
from playground_ops.render import migration
from playground_ops.render.names import DAEMON, WEBSERVER
from playground_ops.targets.base import Say
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.pods.errands import run_job

TOLD_LINES = 30


def is_due(changed: Sequence[Change]) -> bool:
    """Whether webserver or daemon, which run already, get another image; a first bootstrap needs none."""
    return any(
        change.object in (f"deployment/{WEBSERVER}", f"deployment/{DAEMON}")
        and change.action == "update"
        and any(".containers[" in field.path and field.path.endswith("].image") for field in change.fields)
        for change in changed
    )


def migrate(connection: Connection, configuration: Configuration, say: Say) -> None:
    """Raises PlaygroundError with the end of its log; nothing was changed then."""
    if connection.context is None:
        raise PlaygroundError(_not_from_inside())
    said: list[str] = []
    job = migration.render(configuration, f"dagster-migration-{uuid4().hex[:8]}")
    say("another image of Dagster: first the database's schema is migrated")
    code = run_job(connection, job, "the migration's pod", said.append, say)
    if code:
        raise PlaygroundError(_failed(job["metadata"]["name"], code, said))
    say("the schema is migrated")


def _not_from_inside() -> Finding:
    return Finding(
        kind=FindingKind.CERTAIN,
        object="component/webserver",
        observed="Webserver or daemon would get another image, and so perhaps another version of Dagster.",
        cause="Then the database's schema is migrated first, which `ops` has no right to do.",
        fix="Run `python -m playground_ops deploy` from a clone; a `backup` before it is a good idea.",
    )


def _failed(name: str, code: int, said: Sequence[str]) -> Finding:
    return Finding(
        kind=FindingKind.CERTAIN,
        object=f"job/{name}",
        observed=f"`dagster instance migrate` ended with exit code {code}. Nothing else was changed.",
        cause="The words below are its own.",
        fix="Mend what they name, then deploy again; `restore` brings back a backup.",
        evidence="\n".join(said[-TOLD_LINES:]),
    )
