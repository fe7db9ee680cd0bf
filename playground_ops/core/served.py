"""What a location has served, as a stack: a rollout that was confirmed pushes, a rollback pops.

It is read from the records. Where some of them are gone, the marks on the releases that still exist tell of
those: whether one serves or is kept warm, its number, and the order of the switches.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from playground_ops.core import decisions
from playground_ops.core.model import LiveRelease, Outcome, Phase, Release, ReleaseState, RolloutRecord

LOST = "its own record was lost: this one is written from what the release itself says"


@dataclass(frozen=True)
class Place:
    """A place to go back to: one commit and configuration."""

    release: Release
    """The newest release of it: a repair, a forced rollout, a rollback to what has drained make new ones."""
    numbers: frozenset[int]
    """The numbers of all releases of it."""


def stack(records: Sequence[RolloutRecord], live: Sequence[LiveRelease]) -> list[Release]:
    """Return what served; the last one serves now, or served last where nothing does.

    Commit and configuration of what serves, rolled out again, take its place: nobody wants to go back from
    something to the same. A rollback to something that was left by a rollback before puts it on top again.
    """
    places: list[Place] = []
    known: set[int] = set()
    for record in completed(records, live):
        release = record.release
        if release is None or record.outcome is not Outcome.DONE:
            continue
        if record.previous is not None:
            _pop_to(places, {record.previous})
        if record.action != "rollback" or not _go_back(places, release, known):
            _push(places, release)
        known |= _numbers(release)
    now = decisions.serving(live)
    if now is not None and not _pop_to(places, {now.release.number}):
        _push(places, now.release)  # its rollout has not ended, or somebody moved the address
    return [place.release for place in places]


def rollback_choice(records: Sequence[RolloutRecord], live: Sequence[LiveRelease]) -> Release | None:
    """Return what served before the release that serves; where nothing serves, what served last."""
    found = stack(records, live)
    if decisions.serving(live) is not None:
        found = found[:-1]
    return found[-1] if found else None


def kept_warm(records: Sequence[RolloutRecord], live: Sequence[LiveRelease]) -> LiveRelease | None:
    """Return the retired release that goes on running: the one that a rollback goes to.

    Where that one has drained, the one that served last: after a rollback, the way forward again.
    """
    choice = rollback_choice(records, live)
    retired = [one for one in live if one.state is ReleaseState.RETIRED and _can_be_gone_back_to(one, live)]
    chosen = next((one for one in retired if choice and one.release.number == choice.number), None)
    return chosen or decisions.previous(retired)


def _can_be_gone_back_to(one: LiveRelease, live: Sequence[LiveRelease]) -> bool:
    """Return whether it is of the deployment in which the location serves now."""
    now = decisions.serving(live)
    return now is None or now.release.location.deployment == one.release.location.deployment


def no_longer_kept(records: Sequence[RolloutRecord], live: Sequence[LiveRelease]) -> list[LiveRelease]:
    """Return the retired releases that may end: all but the one kept warm."""
    warm = kept_warm(records, live)
    return [one for one in live if one.state is ReleaseState.RETIRED and one != warm]


def switched(live: Sequence[LiveRelease], to: Release) -> list[LiveRelease]:
    """Return the releases as they are once `to` serves, from how they were before."""
    last = max((one.served_order for one in live), default=0)
    others = [one for one in live if one.release.number != to.number]
    retired = {"state": ReleaseState.RETIRED}
    return [
        *(one.model_copy(update=retired) if one.state is ReleaseState.SERVING else one for one in others),
        LiveRelease(release=to, state=ReleaseState.SERVING, served_order=last + 1),
    ]


def completed(records: Sequence[RolloutRecord], live: Sequence[LiveRelease]) -> list[RolloutRecord]:
    """Return the records, and one for each release that serves or is kept warm and that none is about."""
    found = list(records)
    about = {record.release.number for record in records if record.release}
    lost = [
        one
        for one in live
        if one.state in (ReleaseState.SERVING, ReleaseState.RETIRED) and one.release.number not in about
    ]
    last = decisions.serving(live)
    if last is None and decisions.last_done(records) is None:
        last = decisions.previous(live)
    for one in sorted(lost, key=lambda one: _generation(one.release)):
        if one != last:
            found.insert(_where(found, one.release), from_its_marks(one, live))
    return [*found, from_its_marks(last, live)] if last is not None and last in lost else found


def from_its_marks(one: LiveRelease, live: Sequence[LiveRelease]) -> RolloutRecord:
    """Return a record of how the release came to serve; `live` are all releases of its location.

    What serves and is older than another one that served came there by a rollback.
    """
    release = one.release
    is_back = one.state is ReleaseState.SERVING and any(
        _is_newer(other.release, release) for other in live if other.served_order
    )
    return RolloutRecord(
        location=release.location.name,
        id=hashlib.sha256(f"{release.name} {release.created_at}".encode()).hexdigest()[:32],
        by="unknown",
        action="rollback" if is_back or release.rollback_of else "redeploy",
        started_at=release.created_at,
        ended_at=one.served_at or release.created_at,
        outcome=Outcome.DONE,
        phase=Phase.RETIRE,
        release=release,
        revision=release.revision,
        configuration=release.configuration,
        warnings=(LOST,),
        recovered=True,
    )


def _generation(release: Release) -> int:
    """Return the number that its commit and configuration had first: a rollback may have made it anew."""
    return release.rollback_of or release.number


def _is_newer(one: Release, other: Release) -> bool:
    """Return whether `one`, or what it is a release of, was made after the other."""
    return one.number > other.number or _generation(one) > _generation(other)


def _numbers(release: Release) -> set[int]:
    return {release.number, _generation(release)}


def _where(records: Sequence[RolloutRecord], release: Release) -> int:
    """Return the index of the first record of something newer."""
    newer = (
        index
        for index, record in enumerate(records)
        if record.release and _generation(record.release) > _generation(release)
    )
    return next(newer, len(records))


def _pop_to(places: list[Place], numbers: set[int]) -> bool:
    """Pop what lies above the place with one of these numbers. Returns whether there is one."""
    for index in range(len(places) - 1, -1, -1):
        if places[index].numbers & numbers:
            del places[index + 1 :]
            return True
    return False


def _push(places: list[Place], release: Release) -> None:
    numbers = frozenset(_numbers(release))
    if places and places[-1].release.location.deployment != release.location.deployment:
        places.clear()  # what served there is a part of another instance's history
    if places and decisions.is_alike(places[-1].release, release):
        numbers |= places.pop().numbers
    places.append(Place(release, numbers))


def _go_back(places: list[Place], release: Release, known: set[int]) -> bool:
    """Pop to where the release lies. Returns False where it lies nowhere.

    Nothing is known of how a release served whose first record this is: it is older than what one left.
    """
    if _pop_to(places, _numbers(release)):
        below = places.pop()
        places.append(Place(release, below.numbers | _numbers(release)))
        return True
    while not known & _numbers(release) and places and _is_newer(places[-1].release, release):
        places.pop()
    return False
