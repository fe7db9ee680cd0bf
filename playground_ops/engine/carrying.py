"""Takes along what Dagster knows by another name after a switch: on or off, cursors, runs under way."""

from collections.abc import Sequence

from playground_ops.core.errors import PlaygroundError
from playground_ops.core.loaded import LoadedCode
from playground_ops.core.model import Release
from playground_ops.core.moving import Move, Moved, match, move
from playground_ops.core.progress import RolloutCancelled
from playground_ops.core.target import Target
from playground_ops.engine.context import Engine

TICK_SECONDS = 60.0
"""For a tick under way to end: as long as Dagster waits for a sensor's answer."""
POLL_SECONDS = 0.5
SHOWN = 5


def both_shapes(target: Target, before: Release, after: Release) -> tuple[LoadedCode, LoadedCode] | None:
    """Return what both releases have loaded; None where nothing can have moved between repositories.

    Raises PlaygroundError when a server does not answer.
    """
    names = [set(target.repositories(release)) for release in (before, after)]
    if names[0] == names[1] and len(names[0]) <= 1:
        return None
    return target.inspect(before), target.inspect(after)


class Carrying:
    """One switch from `before` to `after`, of a location whose code may have another shape now."""

    def __init__(self, engine: Engine, before: Release | None, after: Release) -> None:
        self._engine, self._before, self._after = engine, before, after
        self._move = self._found() if before is not None else Move()

    def hold(self) -> None:
        """Before the switch: nothing that moves may tick under its new name yet. Raises PlaygroundError."""
        if self._move:
            self._engine.target.hold_automation(self._after, self._move)

    def finish(self) -> None:
        """After the switch: let all go on. Raises PlaygroundError; may be repeated."""
        if self._move:
            self._carry(self._after, self._move)
            self._engine.progress.say(_told(self._move))

    def go_back(self) -> None:
        """After the address was led back: undo what `finish` did. A failure is only a warning."""
        if not self._move or self._before is None:
            return
        back = self._move.turned_round
        try:
            try:
                self._carry(self._before, back)
            except RolloutCancelled:
                self._engine.target.carry_automation(self._before, back, ticking=True)
        except PlaygroundError as error:
            self._engine.progress.warn(f"look at schedules and sensors in the UI: {error.finding.observed}")

    def _found(self) -> Move:
        assert self._before is not None, "there is nothing to take along"
        target, progress = self._engine.target, self._engine.progress
        try:
            shapes = both_shapes(target, self._before, self._after)
        except PlaygroundError as error:
            if self._before.revision.commit != self._after.revision.commit:
                progress.warn(f"nobody knows whether schedules and sensors move: {error.finding.observed}")
            return Move()
        if shapes is None:
            return Move()
        if left := match(*(shape.automations for shape in shapes)).ambiguous:
            named = ", ".join(f"{one.kind} {one.name}" for one, _ in left)
            progress.warn(f"nobody can tell which is which, so these begin as the code says: {named}")
        return move(*shapes)

    def _carry(self, release: Release, wanted: Move) -> None:
        target, clock, progress = self._engine.target, self._engine.clock, self._engine.progress
        deadline, told = clock.monotonic() + TICK_SECONDS, False
        while left := target.carry_automation(release, wanted):
            wanted = Move(automations=tuple(left))
            if clock.monotonic() >= deadline:
                progress.warn(
                    f"they tick for more than {TICK_SECONDS:g} s, and go on meanwhile: {_named(left)}"
                )
                target.carry_automation(release, wanted, ticking=True)
                return
            if not told:
                progress.say(f"waiting up to {TICK_SECONDS:g} s for ticks to end: {_named(left)}")
            told = True
            progress.check()
            target.wait(release, POLL_SECONDS)


def _named(some: Sequence[Moved]) -> str:
    more = f" and {len(some) - SHOWN} more" if len(some) > SHOWN else ""
    return ", ".join(f"{one.before.kind} {one.before.name}" for one in some[:SHOWN]) + more


def _told(moved: Move) -> str:
    if not moved.automations:
        assert moved.repositories is not None, "something has moved"
        return f"repository {moved.repositories[0]} is {moved.repositories[1]} now; runs under way came along"
    ways = sorted({f"{one.before.repository} to {one.after.repository}" for one in moved.automations})
    return (
        f"moved from repository {', '.join(ways)}, on or off as before and with their cursors: "
        f"{_named(moved.automations)}"
    )
