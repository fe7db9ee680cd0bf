"""Moves of locations between deployments, and deployments that are removed: in a plan, and in a deploy."""

from collections.abc import Sequence

from playground_ops.config import Configuration
from playground_ops.config.collisions import apart
from playground_ops.core import decisions, relocation
from playground_ops.core.errors import BadInput, Finding, PlaygroundError, certain
from playground_ops.core.model import Location, Release
from playground_ops.core.plan import Plan
from playground_ops.core.relocation import Relocation
from playground_ops.core.target import Target
from playground_ops.engine.context import Asker, Engine

OF_MAIN = ("webserver", "webserver-read-only")
"""The webservers of the main deployment, which is never removed."""


def planned(target: Target, configuration: Configuration, whole: Plan) -> list[Relocation]:
    """Return the moves that applying a plan would make."""
    names = [
        one.component
        for one in whole.changes
        if one.kind == "location" and one.object is None and one.action in ("update", "delete")
    ]
    live = (decisions.serving(target.releases(name)) for name in names)
    configured = {one.name: one for one in configuration.all_locations}
    return relocation.relocations(
        configured, configuration.deployment_names, [one.release for one in live if one is not None]
    )


def refused(configuration: Configuration, moves: Sequence[Relocation]) -> list[Finding]:
    """Return a finding for each of them."""
    why = apart(configuration)
    return [
        relocation.refused(one, why if (one.location, one.after) == ("b", "b") else None) for one in moves
    ]


def must_stay(configuration: Configuration, moves: Sequence[Relocation]) -> None:
    """Raise PlaygroundError for moves that nobody has forced. What serves the bootstrap package may move."""
    if found := refused(configuration, [one for one in moves if not one.is_bootstrap]):
        raise PlaygroundError(*found)


def must_be_named(moves: Sequence[Relocation], components: Sequence[str]) -> None:
    """Raise BadInput for moves that are not among the components of a deploy: they would be made too."""
    left = [one for one in moves if components and one.location not in components]
    if left:
        raise BadInput(*map(_not_named, left))


def notes(target: Target, whole: Plan, moves: Sequence[Relocation]) -> list[str]:
    """Return what a plan says beside its changes: what moves, and what stays of a removed deployment."""
    gone = dict.fromkeys(
        one.component.removeprefix("webserver-")
        for one in whole.changes
        if one.action == "delete" and one.kind == "webserver" and one.component not in OF_MAIN
    )
    return [
        *map(relocation.told, moves),
        *(f"Deployment {name} is removed; {_stays(target, name)}" for name in gone),
    ]


def _stays(target: Target, deployment: str) -> str:
    if target.name == "kubernetes":
        return "its database and the Secret with its password stay, until somebody deletes them."
    return f"its history stays in the state folder, in deployments/{deployment}, until somebody deletes it."


def take_out(engine: Engine, moves: Sequence[Relocation], configuration: Configuration, asker: Asker) -> None:
    """Take out what moves, before its new deployment sees it: what ticks by itself must not tick there.

    Its runs may finish. Raises LockHeld where a rollout of it is under way.
    """
    configured = {one.name: one for one in configuration.all_locations}
    for one in moves:
        if one.after is not None:
            engine.progress.say(relocation.told(one))
            with engine.locked(asker.request(configured[one.location])):
                engine.target.stack.withdraw(one.location)


def came_from(engine: Engine, location: Location) -> Release | None:
    """Return what the location served last, where that was in another deployment."""
    last = decisions.last_done(engine.target.records(location.name))
    return last if last and last.location.deployment != location.deployment else None


def _not_named(one: Relocation) -> Finding:
    return certain(
        object=f"location/{one.location}",
        observed=f"It would leave deployment {one.before}, and is not among the components that are named.",
        cause="The workspaces of all deployments are written at once.",
        fix=f"Name {one.location} too, or leave `--components` out.",
    )
