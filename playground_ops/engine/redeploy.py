"""Finds the rollouts that a request to redeploy means."""

from collections.abc import Sequence
from dataclasses import dataclass

from playground_ops.config import Configuration
from playground_ops.core import decisions, served
from playground_ops.core.errors import BadInput, Finding, FindingKind, PlaygroundError, certain
from playground_ops.core.model import Location, Revision, RolloutRecord
from playground_ops.core.target import Target
from playground_ops.engine.apply import location_named
from playground_ops.engine.context import Asker, Engine, Request
from playground_ops.engine.gates import may_go_there


@dataclass(frozen=True)
class Wish:
    """A person's or a sensor's request to redeploy."""

    locations: Sequence[str]
    """Names of locations; empty: those whose ref has moved."""
    asker: Asker
    ref: str | None = None
    force: bool = False


def requests(engine: Engine, configuration: Configuration, wish: Wish) -> list[Request]:
    """Return the rollouts. Raises BadInput for an unknown location, PlaygroundError for an unresolved ref."""
    if wish.locations:
        named = [location_named(configuration, name) for name in wish.locations]
        if wish.ref is not None:
            _have_repositories(named)
            may_go_there(named, wish.ref)
        return [wish.asker.request(one, ref=wish.ref, force=wish.force) for one in named]
    if wish.ref is not None:
        raise BadInput(_which_location(wish.ref))
    return [
        wish.asker.request(location, revision=revision, force=wish.force)
        for location, revision in moved(engine, configuration.all_locations)
    ]


def moved(engine: Engine, locations: Sequence[Location]) -> list[tuple[Location, Revision]]:
    """Return the locations whose configured ref leads somewhere new, and where. All are asked at once."""
    found: dict[str, Revision] = {}

    def resolve() -> None:
        wanted = [location for location in locations if location.name not in found]
        wrong = []
        for location, answer in zip(wanted, engine.target.resolve_all(wanted), strict=True):
            if isinstance(answer, Finding):
                wrong.append(answer)
            else:
                found[location.name] = answer
        if wrong:
            wrong.sort(key=lambda one: one.kind is FindingKind.TRANSIENT)
            raise PlaygroundError(*dict.fromkeys(wrong))

    engine.retrying("resolving", resolve)
    return [
        (location, found[location.name])
        for location in locations
        if has_moved(engine.target, location.name, engine.target.records(location.name), found[location.name])
    ]


def has_moved(target: Target, location: str, records: Sequence[RolloutRecord], revision: Revision) -> bool:
    """Return whether the configured ref leads somewhere new (`decisions.has_moved`).

    Of what has no record the releases themselves tell: a commit that somebody rolled back from does not come
    back because its record is gone.
    """
    if not decisions.has_moved(records, revision):
        return False
    return decisions.has_moved(served.completed(records, target.releases(location)), revision)


def _have_repositories(locations: Sequence[Location]) -> None:
    without = [location for location in locations if location.repository is None]
    if without:
        raise BadInput(*(_no_repository(location) for location in without))


def _which_location(ref: str) -> Finding:
    return certain(
        object=f"ref/{ref}",
        observed="A ref was given and no location.",
        cause="A ref belongs to one repository.",
        fix="Name the locations that are to go there.",
    )


def _no_repository(location: Location) -> Finding:
    name, image = location.name, location.in_image
    serves = f"Its code is in the image {image.image}." if image else "It serves this project's own packages."
    instead = f"Name another image of {name}" if image else f"Give {name} a repository"
    return certain(
        object=f"location/{name}",
        observed="It has no repository, so a ref leads nowhere.",
        cause=serves,
        fix=f"{instead} in the configuration, or redeploy it without a ref.",
    )
