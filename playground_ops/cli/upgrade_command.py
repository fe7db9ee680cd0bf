"""What this version would change about the stack that is there, and the deploy that changes it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from playground_ops.cli.console import echo, end, print_json, say, sentence_of
from playground_ops.cli.repeating import repeating
from playground_ops.cli.session import Session, common
from playground_ops.cli.stack_commands import bring_up, document_of, force_option, warn_of_collisions
from playground_ops.config import Configuration
from playground_ops.core.changelog import between
from playground_ops.core.formats import StoredFormat
from playground_ops.core.plan import Change, Plan
from playground_ops.engine.planning import Asked, make_plan
from playground_ops.places import shipped
from playground_ops.version import __version__

RESTARTED = ("deployment/", "statefulset/")
"""Objects whose pods are replaced when their pod template changes."""
DAGSTER = ("dagster", "dagster-webserver")
"""Settings of a component of one machine that name the installed version."""
IN_MEMORY = (
    "Dagster itself changes: a code server that shares this environment keeps the one before in memory, and "
    "its runs start with the new one. `redeploy NAME --force` renews it."
)
NOTHING = "`deploy` would be a no-op: nothing restarts."


def effects(configuration: Configuration, plan: Plan) -> dict[str, str]:
    """Return in words what a deploy does to each component, those that stay too."""
    by_component: dict[str, list[Change]] = {}
    for change in plan.changes:
        by_component.setdefault(change.component, []).append(change)
    names = {one.name for one in configuration.all_locations}
    told = {}
    for component, changes in by_component.items():
        due = [one for one in changes if one.action != "unchanged"]
        if due or component in names or changes[0].kind in ("webserver", "daemon", "postgres"):
            told[component] = _effect(component in names, due)
    return told


def _effect(is_location: bool, due: list[Change]) -> str:
    if not due:
        return "stays"
    if any(one.needs_bootstrap for one in due):
        return "changes, by a person's deploy alone"
    rollouts = [one for one in due if one.object is None]
    if {one.action for one in due} == {"delete"}:
        return "is taken out"
    if is_location and rollouts:
        return f"a new release, through all gates{_why(rollouts)}"
    restarts = [one for one in due if _restarts(one)]
    if restarts:
        return ("starts" if restarts[0].action == "create" else "restarts") + _why(restarts)
    return f"is changed while it runs ({', '.join(one.object or one.component for one in due)})"


def _restarts(change: Change) -> bool:
    if change.object is None:
        return True
    in_pods = change.action == "create" or any("spec.template" in one.path for one in change.fields)
    return change.object.startswith(RESTARTED) and in_pods


def _why(changes: list[Change]) -> str:
    paths = dict.fromkeys(field.path for one in changes if one.action == "update" for field in one.fields)
    shown = [path.rpartition("]")[2].lstrip(".") or path for path in paths]
    return f" ({', '.join(shown[:4])}{', ..' if len(shown) > 4 else ''})" if shown else ""


def news(before: str) -> Mapping[str, str]:
    """Return what the CHANGELOG says of each version since that one."""
    file = shipped("CHANGELOG.md")
    return between(file.read_text("utf-8"), before, __version__) if file.is_file() else {}


def notes(plan: Plan) -> list[str]:
    """Return what is to be known beside the effects."""
    changed = {field.path for one in plan.changes if one.action == "update" for field in one.fields}
    return [*plan.notes, *([IN_MEMORY] if changed.intersection(DAGSTER) else [])]


def lines(found: StoredFormat | None, told: Mapping[str, str], is_empty: bool) -> Iterator[str]:
    if found is None:
        yield f"Nothing is deployed yet; this is version {__version__}."
    elif found.mark.version == __version__:
        yield f"Version {__version__} deployed this stack, and is this program's."
    else:
        yield f"Version {found.mark.version} deployed this stack; this is version {__version__}."
        for version, text in news(found.mark.version).items():
            yield f"\nNew in {version}:\n{text}\n"
    for step in found.steps if found else ():
        yield f"What is stored will be migrated: {step}. The version before can go on with it."
    if is_empty:
        yield NOTHING
    else:
        yield from (f"{component}: {effect}" for component, effect in told.items())


@click.command()
@click.option("--check", is_flag=True, help="Only tell what would change.")
@force_option
@common
def upgrade(config: Path | None, target: str | None, as_json: bool, check: bool, force: bool) -> None:
    """Tell what is new and what restarts, then `deploy`; with --check only tell."""
    session = Session(config, target, as_json)
    asked = Asked(force=force)
    stored = session.engine.target.stack.stored_format()
    plan = make_plan(session.engine, session.configuration, asked)
    told = effects(session.configuration, plan)
    if not as_json:
        for line in lines(stored, told, plan.is_empty):
            say(line)
        for note in notes(plan):
            say(note)
    document: dict[str, Any] = {
        "version": __version__,
        "stored": stored.model_dump(mode="json") if stored else None,
        "news": dict(news(stored.mark.version)) if stored else {},
        "effects": told,
        "notes": notes(plan),
        "changes": not plan.is_empty,
    }
    if check:
        if as_json:
            print_json(document)
        elif not plan.is_empty:
            echo(f"To do it: {repeating().command('upgrade')}")
        return
    warn_of_collisions(session)
    deployed = bring_up(session, "deploy", asked)
    if not as_json:
        for record in deployed.records:
            echo(sentence_of(record))
    end({**document, **document_of(deployed)}, deployed.failures, as_json)


COMMANDS = {"upgrade": upgrade}
