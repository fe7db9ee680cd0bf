"""Locations that serve in another deployment than the one that they are configured in.

A deployment is a Dagster instance: runs, history and ticks lie in its database, and the location's address is
in its workspace. So a location does not change it while it serves, unless somebody says so.
"""

from collections.abc import Collection, Iterable, Mapping

from playground_ops.core.errors import Finding, certain
from playground_ops.core.frozen_model import FrozenModel
from playground_ops.core.model import Location, Release


class Relocation(FrozenModel):
    """A location that serves in `before`."""

    location: str
    before: str
    after: str | None
    """Where it is configured; None: it is not configured any more, and neither is `before`."""
    is_removed: bool = False
    """Whether `before` is not configured any more."""
    is_bootstrap: bool = False
    """Whether it serves the bootstrap package: then nobody's history stays behind, and it may move."""
    commit: str | None = None
    """The commit that comes along, as people are shown it; None where another one is configured."""


def relocations(
    configured: Mapping[str, Location], deployments: Collection[str], serving: Iterable[Release]
) -> list[Relocation]:
    """Return those among what serves that would leave their deployment. `configured`: by name."""
    found = []
    for release in serving:
        name, before = release.location.name, release.location.deployment
        wanted, is_removed = configured.get(name), before not in deployments
        if wanted is not None and wanted.deployment != before:
            commit = release.revision.short if has_same_code(release, wanted) else None
            found.append(
                Relocation(
                    location=name,
                    before=before,
                    after=wanted.deployment,
                    is_removed=is_removed,
                    is_bootstrap=_is_bootstrap(release),
                    commit=commit,
                )
            )
        elif wanted is None and is_removed:
            free = _is_bootstrap(release)
            found.append(
                Relocation(location=name, before=before, after=None, is_removed=True, is_bootstrap=free)
            )
    return found


def _is_bootstrap(release: Release) -> bool:
    return release.location.repository is None and release.location.in_image is None


def has_same_code(release: Release, wanted: Location) -> bool:
    """Return whether the location is configured at the repository and the ref of the release."""
    was = release.location
    return wanted.repository is not None and (was.repository, was.ref) == (wanted.repository, wanted.ref)


def stays(release: Release, wanted: Location) -> Relocation | None:
    """Return the move that a rollout of `wanted` would make; None where it stays where `release` serves."""
    found = relocations({wanted.name: wanted}, (release.location.deployment,), [release])
    return found[0] if found else None


def refused(one: Relocation, why: str | None = None) -> Finding:
    """Return why it is not moved. `why`: what makes it so, where nobody has written it."""
    if one.is_bootstrap:
        return _by_deploy(one)
    gone = ", which is no longer configured" if one.is_removed else ""
    there = f"; the configuration has it in {one.after}" if one.after else ""
    cause = (
        "A location does not change its deployment while it serves"
        if one.after
        else ("A deployment is not removed while a location of it serves")
    )
    return certain(
        object=f"location/{one.location}",
        observed=f"It serves in deployment {one.before}{gone}{there}.",
        cause=f"{f'{why} ' if why else ''}{cause}: its runs and their history are in the database of "
        f"{one.before}, and stay there.",
        fix=_instead(one),
        whose="surroundings",
    )


def _by_deploy(one: Relocation) -> Finding:
    return certain(
        object=f"location/{one.location}",
        observed=f"It serves in deployment {one.before}; the configuration has it in {one.after or 'none'}.",
        cause="It was configured so since the last deploy, and what serves is the bootstrap package.",
        fix="`deploy` makes it so.",
        whose="surroundings",
    )


def _instead(one: Relocation) -> str:
    name, before, after = one.location, one.before, one.after
    keep = f"Keep `deployments: [{{name: {before}}}]`" if one.is_removed else f"Leave it in {before}"
    if after is None:
        return (
            f"{keep}, deploy without {name}, and remove it then. Or `deploy --force`: its runs may finish, "
            f"and the history of {before} is kept."
        )
    return (
        f"{keep}, add a location with another name in {after}, and take this one out later. Or "
        f"`deploy --force`: it is taken out there, its runs may finish, and it is brought up in {after} at "
        "the same commit."
    )


def told(one: Relocation) -> str:
    """Return what a plan says of it."""
    if one.after is None:
        return f"{one.location} is taken out of deployment {one.before}; its history stays in {one.before}."
    commit = f" at commit {one.commit}" if one.commit else ""
    return (
        f"{one.location} is taken out of deployment {one.before} and brought up in {one.after}{commit}; its "
        f"history stays in {one.before}."
    )
