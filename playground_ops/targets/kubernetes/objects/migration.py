"""The migration of the schema of each deployment's database, before its processes get another Dagster."""

from collections.abc import Sequence
from uuid import uuid4

from playground_ops.config import Configuration
from playground_ops.core.component import component_of
from playground_ops.core.errors import Finding, PlaygroundError, certain
from playground_ops.core.model import MAIN
from playground_ops.core.plan import Change
from playground_ops.core.target import Say
from playground_ops.render import jobs
from playground_ops.render.names import DAEMON, WEBSERVER
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.pods.remote_job import Listener, run_job

TOLD_LINES = 30


def due(configuration: Configuration, changed: Sequence[Change]) -> list[str]:
    """Return the deployments whose running webserver or daemon gets another image, the main one first.

    One that is new is not among them: Dagster makes the tables of an empty database.
    """
    return [name for name in configuration.deployment_names if _is_due(name, changed)]


def _is_due(deployment: str, changed: Sequence[Change]) -> bool:
    objects = {f"deployment/{component_of(kind, deployment)}" for kind in (WEBSERVER, DAEMON)}
    return any(
        change.object in objects
        and change.action == "update"
        and any(".containers[" in field.path and field.path.endswith("].image") for field in change.fields)
        for change in changed
    )


def migrate(
    connection: Connection, configuration: Configuration, deployments: Sequence[str], say: Say
) -> None:
    """Migrate the schemas of these deployments, one after another, before all other changes.

    Raises PlaygroundError at the first that fails, with its log's end, and with what is migrated by then and
    what was not begun.
    """
    if connection.is_ops:
        raise PlaygroundError(_not_from_inside())
    for number, name in enumerate(deployments):
        view, said = configuration.of(name), list[str]()
        job = jobs.migration_job(view, f"dagster-migration-{uuid4().hex[:8]}")
        say(f"another image of Dagster: first {_database(name)}'s schema is migrated")
        try:
            code = run_job(connection, job, "the migration's pod", Listener(said.append, say))
        except PlaygroundError as error:
            raise PlaygroundError(*error.findings, *_others(deployments, number)) from error
        if code:
            others = _others(deployments, number)
            raise PlaygroundError(_failed(job["metadata"]["name"], name, code, said), *others)
        say("the schema is migrated" if name == MAIN else f"the schema of deployment {name} is migrated")


def _database(deployment: str) -> str:
    return "the database" if deployment == MAIN else f"deployment {deployment}"


def _others(deployments: Sequence[str], failed: int) -> list[Finding]:
    """Return what is so of the databases beside the one that failed; nothing where there is no other."""
    done, left = deployments[:failed], deployments[failed + 1 :]
    told = [f"migrated: {', '.join(done)}"] if done else []
    told += [f"not begun: {', '.join(left)}"] if left else []
    return [_not_all(deployments[failed], "; ".join(told))] if told else []


def _not_all(failed: str, told: str) -> Finding:
    return certain(
        object="databases",
        observed=f"The migration stopped at deployment {failed}. The others: {told}.",
        cause="They are migrated one after another. Nothing else was changed: no process has another image, "
        "so what is migrated is used by the version before.",
        fix="Once that is mended, deploy again: a schema that is migrated stays as it is, and the others "
        "follow.",
    )


def _not_from_inside() -> Finding:
    return certain(
        object="component/webserver",
        observed="Webserver or daemon would get another image, and so perhaps another version of Dagster.",
        cause="Then the database's schema is migrated first, which `ops` has no right to do.",
        fix="Run `python -m playground_ops deploy` from the stack's folder, and `backup FILE` before it.",
    )


def _failed(job: str, deployment: str, code: int, said: Sequence[str]) -> Finding:
    whose = "" if deployment == MAIN else f" of deployment {deployment}"
    option = "" if deployment == MAIN else f" --deployment {deployment}"
    return certain(
        object=f"job/{job}",
        observed=f"`dagster instance migrate`{whose} ended with exit code {code}. Nothing else was changed.",
        cause="The words below are its own.",
        fix=f"Mend what they name, then deploy again; `restore FILE{option}` brings back a backup.",
        evidence="\n".join(said[-TOLD_LINES:]),
    )
