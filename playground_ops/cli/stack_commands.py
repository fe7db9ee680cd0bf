"""Commands about the whole stack: plan, deploy, collect, down."""

from pathlib import Path
from typing import Any

import click

from playground_ops.cli.console import (
    EXIT_FAILED,
    NOTHING_TO_DO,
    echo,
    end,
    print_json,
    say,
    sentence_of,
    table,
)
from playground_ops.cli.session import Session, common
from playground_ops.config import collisions
from playground_ops.context import whoever_is_at_the_keyboard
from playground_ops.core.errors import BadInput, Finding, certain
from playground_ops.core.model import Action
from playground_ops.core.plan import FieldChange, Plan
from playground_ops.engine import apply
from playground_ops.engine.collect import entries, name_of, write
from playground_ops.engine.context import Asker
from playground_ops.engine.planning import WHOLE, Asked, make_plan

NOW_SECONDS = 2.0
"""Seconds between SIGTERM and SIGKILL with `down --now`."""


force_option = click.option(
    "--force", is_flag=True, help="Also move locations to another deployment, and remove one that serves."
)


@click.command()
@click.option("--components", help="Only these, separated by commas.")
@force_option
@common
def plan(config: Path | None, target: str | None, as_json: bool, components: str | None, force: bool) -> None:
    """Show what `deploy` would change. Writes nothing."""
    session = Session(config, target, as_json)
    found = make_plan(session.engine, session.configuration, Asked(_split(components), force))
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        show_plan(found)


@click.command()
@click.option("--components", help="Only these, separated by commas.")
@force_option
@click.option("--progress-only", is_flag=True, hidden=True, help="The caller tells how it ended.")
@common
def deploy(
    config: Path | None,
    target: str | None,
    as_json: bool,
    components: str | None,
    force: bool,
    progress_only: bool,
) -> None:
    """Bring the whole stack to what the configuration says."""
    session = Session(config, target, as_json)
    if not progress_only:
        warn_of_collisions(session)
    deployed = bring_up(session, "deploy", Asked(_split(components), force))
    if progress_only:
        raise click.exceptions.Exit(EXIT_FAILED if deployed.failures else 0)
    if not as_json:
        echo(NOTHING_TO_DO if deployed.plan.is_empty else deployed.plan.summary())
        for record in deployed.records:
            echo(sentence_of(record))
    end(document_of(deployed), deployed.failures, as_json)


def warn_of_collisions(session: Session) -> None:
    """Say first which locations have the same code, as what they would serve is likely to be refused."""
    for sentence in collisions.told(session.configuration):
        session.engine.progress.warn(sentence)


def bring_up(session: Session, action: Action, asked: Asked = WHOLE) -> apply.Deployed:
    return session.run(
        lambda: apply.deploy(
            session.engine,
            session.configuration,
            session.progress_of,
            Asker(whoever_is_at_the_keyboard(), action),
            asked,
        )
    )


def document_of(deployed: apply.Deployed) -> dict[str, Any]:
    return {
        "plan": deployed.plan.model_dump(mode="json"),
        "rollouts": [record.model_dump(mode="json") for record in deployed.records],
    }


@click.command()
@click.option("--now", is_flag=True, help="End runs in flight too, instead of letting them finish.")
@click.option("--delete-data", is_flag=True, help="Also delete runs, records and checkouts.")
@common
def down(config: Path | None, target: str | None, as_json: bool, now: bool, delete_data: bool) -> None:
    """End every process of the stack, after its runs. Data stays unless --delete-data."""
    session = Session(config, target, as_json)
    stack = session.engine.target.stack
    stack.down(session.engine.progress.say, NOW_SECONDS if now else None)
    if delete_data:
        stack.delete_data()
    if as_json:
        print_json({"down": True, "data_deleted": delete_data})
    else:
        echo("The stack is down." + (" Its data is deleted." if delete_data else " Its data stays."))


def show_plan(found: Plan) -> None:
    rows: list[tuple[str, str, str]] = []
    for change in found.changes:
        needs = change in found.needing_bootstrap()
        action = "needs bootstrap" if needs else change.action
        rows.append((action, change.object or change.component, ""))
        if change.action == "update":
            rows.extend(("", "", _changed_field(field.in_short())) for field in change.fields)
        rows.extend(("", "", f"drift: {one.path} is by {one.manager}, and stays") for one in change.drift)
    table(("action", "component", "fields"), rows)
    for note in found.notes:
        say(note)
    echo(found.summary())


def _changed_field(field: FieldChange) -> str:
    whose = f" (set by {field.manager})" if field.manager else ""
    return f"{field.path}: {field.before} -> {field.after}{whose}"


def _split(components: str | None) -> list[str]:
    return [name.strip() for name in (components or "").split(",") if name.strip()]


@click.command()
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Else playground-TIME.tar.gz, here."
)
@common
def collect(config: Path | None, target: str | None, as_json: bool, output: Path | None) -> None:
    """Logs, events, objects and health in one archive, without secrets, for a bug report."""
    session = Session(config, target, as_json)
    engine = session.engine
    path = output or Path(name_of(engine.clock))
    health = None if engine.run_remotely is None else lambda: session.answer("health", "--json")[1]
    found = entries(engine.target, session.configuration, engine.clock, health)
    files: list[str] = []
    try:
        size = session.run(lambda: write(found, path, files.append))
    except OSError as error:
        raise BadInput(_unwritten(path, error)) from None
    if as_json:
        print_json({"file": str(path), "bytes": size, "files": files})
    else:
        echo(f"{path}: {len(files)} files, {size:,} bytes. Look through it before you send it.")


def _unwritten(path: Path, error: OSError) -> Finding:
    return certain(
        object=f"file/{path}",
        observed=f"It can't be written: {error.strerror or error}.",
        cause="The folder is not there, is not yours, or is full.",
        fix="Name another file by --output.",
        whose="surroundings",
    )


COMMANDS = {"plan": plan, "deploy": deploy, "down": down, "collect": collect}
