"""Checks of what a launch may ask for, and of candidates: a function each, whose failure is a finding."""

from collections.abc import Sequence
from pathlib import PurePath

from playground_ops.checks import files
from playground_ops.core import decisions, relocation
from playground_ops.core.errors import BadInput, Finding, RolloutFailed, certain, transient
from playground_ops.core.loaded import Automation, LoadedCode
from playground_ops.core.model import Location, Release
from playground_ops.core.moving import match
from playground_ops.core.target import Target
from playground_ops.engine.compare import differences

SHOWN_KEYS = 5


def stays_in_its_deployment(location: Location, serving: Release | None) -> None:
    """Check that the location is to serve where it serves now; only a deploy can move it."""
    if serving is not None and (move := relocation.stays(serving, location)):
        raise RolloutFailed(relocation.refused(move))


def commit_is_the_one_asked_for(release: Release, loaded: LoadedCode, expected: Sequence[str]) -> None:
    """Check that the process loaded from a folder in one of the checkouts of the release's commit."""
    own = {PurePath(one) for one in expected}
    foreign = [
        found
        for found in loaded.working_directories
        if own.isdisjoint({PurePath(found), *PurePath(found).parents})
    ]
    if foreign or not loaded.working_directories:
        seen = ", ".join(foreign) or "no folder at all"
        raise RolloutFailed(
            transient(
                object=f"release/{release.name}",
                observed=f"The server loaded its code from {seen}, not from {' or '.join(expected)}.",
                cause="Another server answers at the candidate's address, or the checkout was moved.",
                fix="Redeploy; if it happens again, run `down`, then `bootstrap`.",
            )
        )


MEASURE_SECONDS = 2.0
"""How long a rollout measures what its location keeps, where there is that much."""


def there_is_room(target: Target, location: Location, *, is_bound: bool) -> list[str]:
    """Check that the location keeps no more than it may. Returns warnings.

    A rollout that is not bound (of what serves already or nothing yet, or that is forced) is only warned.
    """
    found = target.stack.files.kept([location.name], MEASURE_SECONDS)
    if is_bound and files.is_beyond(location, found):
        raise RolloutFailed(files.refused(location, found))
    return files.warnings(location, found)


def nothing_is_lost(release: Release, loaded: LoadedCode, serving: LoadedCode) -> None:
    """Check that the candidate has all that serves, of the kinds that the location must keep."""
    lost = [
        f"{one.kind} {one.name}"
        for one in differences(serving.defined, loaded.defined)
        if one.change == "removed" and one.kind in release.location.must_keep
    ]
    if lost:
        raise RolloutFailed(_lost(release, lost))


def _lost(release: Release, lost: Sequence[str]) -> Finding:
    more = f" and {len(lost) - SHOWN_KEYS} more" if len(lost) > SHOWN_KEYS else ""
    return certain(
        object=f"release/{release.name}",
        observed=f"It would take away what serves now: {', '.join(lost[:SHOWN_KEYS])}{more}.",
        cause=f"The location's `must_keep` has: {', '.join(release.location.must_keep)}.",
        fix="Bring them back, or force the rollout if they are meant to go.",
    )


def what_moves_is_known(release: Release, loaded: LoadedCode, serving: LoadedCode) -> None:
    """Check that each schedule and sensor that moves to another repository is the only one of its name."""
    if left := match(serving.automations, loaded.automations).ambiguous:
        raise RolloutFailed(_nobody_can_tell(release, left))


def _nobody_can_tell(release: Release, left: Sequence[tuple[Automation, Sequence[str]]]) -> Finding:
    named = [
        f"{one.kind} {one.name} of {one.repository} (now in {', '.join(now)})"
        for one, now in left[:SHOWN_KEYS]
    ]
    more = f" and {len(left) - SHOWN_KEYS} more" if len(left) > SHOWN_KEYS else ""
    return certain(
        object=f"release/{release.name}",
        observed=f"Nobody can tell which schedule or sensor goes on as which: {', '.join(named)}{more}.",
        cause="Dagster knows each by its repository too. Their repositories have other names now, and "
        "several of them have one: on or off and the cursor can't be carried over.",
        fix="Give each a name of its own before they move, or force the rollout: these begin as the code "
        "says, without a cursor.",
    )


def may_go_there(locations: Sequence[Location], ref: str | None) -> None:
    """Raise BadInput for each location whose configuration does not allow the ref."""
    kept = [location for location in locations if not decisions.ref_is_allowed(location, ref)]
    if kept:
        raise BadInput(*(_not_allowed(location, str(ref)) for location in kept))


def _not_allowed(location: Location, ref: str) -> Finding:
    return certain(
        object=f"location/{location.name}",
        observed=f"It may not go to {ref}.",
        cause=f"Its `allowed_refs` are: {', '.join(location.allowed_refs)}.",
        fix="Ask for one of these, or have the configuration changed.",
    )
