"""Commands about the whole stack: validate, generate, plan, deploy, down, ui."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from playground_ops import apply
from playground_ops.cli.console import end, print_json, table
from playground_ops.cli.options import common
from playground_ops.cli.session import Session
from playground_ops.errors import BadInput, Finding, FindingKind, PlaygroundError
from playground_ops.model import Action
from playground_ops.opening import configuration_file, whoever_is_at_the_keyboard
from playground_ops.plan import Plan

NOW_SECONDS = 2.0
"""What `down --now` gives a process between SIGTERM and SIGKILL."""


@click.command()
@common
def validate(config: Path | None, target: str | None, as_json: bool) -> None:
    """Check the configuration file; every fault at once."""
    from playground_ops.config import load

    configuration = load(config or configuration_file())
    names = [location.name for location in configuration.locations]
    if as_json:
        print_json({"file": configuration.source, "locations": names})
    else:
        click.echo(f"{configuration.source}: good. Locations: {', '.join(names)}.")


@click.command()
@click.option("--force", is_flag=True, help="Overwrite files that were edited.")
@common
def generate(config: Path | None, target: str | None, as_json: bool, force: bool) -> None:
    """Write the Kubernetes objects to deploy/ (comes with the Kubernetes target)."""
    raise BadInput(
        Finding(
            kind=FindingKind.CERTAIN,
            object="command/generate",
            observed="This version can't render Kubernetes objects.",
            cause='`generate` comes with "The stack on Kubernetes".',
            fix="Use the local target: `bootstrap`, `plan`, `deploy`.",
        )
    )


@click.command()
@click.option("--components", help="Only these, separated by commas.")
@common
def plan(config: Path | None, target: str | None, as_json: bool, components: str | None) -> None:
    """Show what `deploy` would change. Writes nothing."""
    session = Session(config, target, as_json)
    found = apply.make_plan(session.engine, session.configuration, _split(components))
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        show_plan(found)


@click.command()
@click.option("--components", help="Only these, separated by commas.")
@common
def deploy(config: Path | None, target: str | None, as_json: bool, components: str | None) -> None:
    """Bring the whole stack to what the configuration says."""
    session = Session(config, target, as_json)
    deployed = bring_up(session, "deploy", _split(components))
    if deployed.plan.is_empty and not as_json:
        click.echo("Nothing to do: the stack is as the configuration says.")
    end(document_of(deployed), deployed.failures, as_json)


def bring_up(session: Session, action: Action, components: list[str]) -> apply.Deployed:
    return session.run(
        lambda: apply.deploy(
            session.engine,
            session.configuration,
            session.story_of,
            by=whoever_is_at_the_keyboard(),
            action=action,
            components=components,
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
    stack.down(session.engine.story.say, NOW_SECONDS if now else None)
    if delete_data:
        stack.delete_data()
    if as_json:
        print_json({"down": True, "data_deleted": delete_data})
    else:
        click.echo("The stack is down." + (" Its data is deleted." if delete_data else " Its data stays."))


@click.command()
@common
def ui(config: Path | None, target: str | None, as_json: bool) -> None:
    """Print the UI's address and open it in a browser."""
    address = Session(config, target, as_json).engine.target.stack.ui_address()
    if address is None:
        raise PlaygroundError(not_deployed())
    if as_json:
        print_json({"ui": address})
        return
    click.echo(address)
    click.launch(address)


def show_plan(found: Plan) -> None:
    rows: list[tuple[str, str, str]] = []
    for change in found.changes:
        rows.append((change.action, change.component, ""))
        if change.action == "update":
            rows.extend(("", "", f"{field.path}: {field.before} -> {field.after}") for field in change.fields)
    table(("action", "component", "fields"), rows)
    click.echo(found.summary())


def not_deployed() -> Finding:
    return Finding(
        kind=FindingKind.CERTAIN,
        object="stack",
        observed="No stack is deployed here.",
        cause="It was never bootstrapped, or its data was deleted.",
        fix="Run `python -m playground_ops.bootstrap`.",
    )


def _split(components: str | None) -> list[str]:
    return [name.strip() for name in (components or "").split(",") if name.strip()]


COMMANDS = (validate, generate, plan, deploy, down, ui)
