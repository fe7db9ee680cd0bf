"""What a rollout is asked for, and what its steps work with: target, lock, progress, time, timeouts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from playground_ops.config.digest import digest
from playground_ops.core.clock import Clock
from playground_ops.core.errors import FindingKind, LockHeld, PlaygroundError
from playground_ops.core.model import Action, Location, Observation, Release, Revision
from playground_ops.core.progress import Progress
from playground_ops.core.target import Lock, Target

T = TypeVar("T")

RunRemotely = Callable[[Sequence[str]], int]
"""Runs a command of this project where rollouts can be made, and returns its exit code."""


@dataclass(frozen=True)
class Origin:
    """The location that a commit is promoted from."""

    location: str
    repository: str | None


@dataclass(frozen=True)
class Request:
    """A request for one rollout."""

    location: Location
    configuration: str
    """Digest of the location as configured."""
    by: str
    """Who asks, as the lock and the records will name them."""
    action: Action = "redeploy"
    ref: str | None = None
    """None: the configured ref."""
    revision: Revision | None = None
    """A revision that is already pinned: nothing is resolved."""
    origin: Origin | None = None
    """For a promotion."""
    rollback_of: int | None = None
    force: bool = False
    """Whether to roll out even what serves already or what was rejected."""
    run_id: str | None = None


@dataclass(frozen=True)
class Asker:
    """Who asks, for what kind of rollout, and in which run of Dagster."""

    by: str
    action: Action = "redeploy"
    run_id: str | None = None

    def request(
        self,
        location: Location,
        *,
        ref: str | None = None,
        revision: Revision | None = None,
        force: bool = False,
    ) -> Request:
        """Return a request for the location as it is configured now."""
        return Request(
            location=location,
            configuration=digest(location),
            by=self.by,
            action=self.action,
            ref=ref,
            revision=revision,
            force=force,
            run_id=self.run_id,
        )

    def again(self, release: Release, *, rollback_of: int | None, force: bool) -> Request:
        """Return a request for a release as it was: its commit and its configuration."""
        return Request(
            location=release.location,
            configuration=release.configuration,
            by=self.by,
            action=self.action,
            revision=release.revision,
            rollback_of=rollback_of,
            force=force,
            run_id=self.run_id,
        )


@dataclass(frozen=True)
class Timeouts:
    """How long the engine waits, in seconds."""

    transient: float = 60.0
    """For what may pass: git, network, package index."""
    capacity: float = 120.0
    """For room: on a node, in a quota, on a volume."""
    scale_up: float = 900.0
    """For room that an autoscaler has announced: as long as cluster-autoscaler waits for a node."""
    confirm: float = 10.0
    """For the webserver to show the new release."""
    stable: float = 0.3
    """How long a confirmed server must stay alive before the rollout trusts it."""
    watch: float = 0.0
    """How long a release that replaced another one is watched, before that one is let go."""
    lock: float = 0.0
    """For somebody else's rollout of the same location to end."""


@dataclass(frozen=True)
class Engine:
    """The parts that every operation on a stack needs, without a lock."""

    target: Target
    progress: Progress
    clock: Clock
    timeouts: Timeouts = field(default_factory=Timeouts)
    run_remotely: RunRemotely | None = None
    """Set where this process can't reach the servers that a rollout has to ask."""
    sharing: Collection[str] = ()
    """The locations that may serve asset keys of others in their deployment, as configured now."""

    def waiting(self, **seconds: float) -> Engine:
        """Return the same engine with other timeouts, by their names."""
        return replace(self, timeouts=replace(self.timeouts, **seconds))

    @contextmanager
    def locked(self, request: Request) -> Iterator[RolloutContext]:
        """Hold the location's lock, after waiting for its holder as long as the timeout says.

        Raises LockHeld.
        """
        self.target.stack.migrate(self.progress.say)
        with ExitStack() as held:
            lock = self._take_lock(request, held)
            yield RolloutContext(**vars(self), lock=lock)

    def _take_lock(self, request: Request, held: ExitStack) -> Lock:
        deadline = self.clock.monotonic() + self.timeouts.lock
        reported = False

        def taken() -> Lock:
            return held.enter_context(self.target.lock(request.location.name, request.by))

        while True:
            try:
                return self.retrying("the location's lock", taken)
            except LockHeld as somebody:
                if self.clock.monotonic() >= deadline:
                    raise
                if not reported:
                    self.progress.say(f"waiting up to {self.timeouts.lock:g} s: {somebody.finding.observed}")
                reported = True
                self.progress.check()
                self.clock.sleep(0.2)

    def retrying(self, what: str, attempt: Callable[[], T]) -> T:
        """Retry what fails for a passing reason, up to the deadline; everything else is raised at once."""
        deadline = self.clock.monotonic() + self.timeouts.transient
        pause = 1.0
        while True:
            try:
                return attempt()
            except PlaygroundError as error:
                passing = error.finding.kind is FindingKind.TRANSIENT and not isinstance(error, LockHeld)
                if not passing or self.clock.monotonic() + pause > deadline:
                    raise
                self.progress.say(f"{what}: {error.finding.observed} Trying again in {pause:g} s")
            self.progress.check()
            self.clock.sleep(pause)
            pause = min(pause * 2, 10.0)


@dataclass(frozen=True, kw_only=True)
class RolloutContext(Engine):
    """An engine that holds the lock of one location."""

    lock: Lock


GRACE_SECONDS = 30.0
"""Seconds that what has a deadline of its own gets to tell that it was missed."""


class Waiting:
    """Waits for one start. The startup time begins when its code runs; as long is allowed for all before.

    What prepares it has a time of its own, meanwhile the startup time stands still.
    """

    def __init__(self, clock: Clock, timeouts: Timeouts, startup: float, prepare: float) -> None:
        """Begin to wait. `startup` and `prepare` are in seconds."""
        self._clock, self._timeouts, self._startup = clock, timeouts, startup
        self._left_to_prepare = self._prepare = prepare + GRACE_SECONDS
        self._began = self._looked = self._since = clock.monotonic()
        self._kind: FindingKind | None = None
        self._imports = False

    def allowed(self, seen: Observation) -> float:
        """Return the seconds allowed in all for what it waits for now."""
        if seen.prepares:
            return self._prepare
        if self._kind is FindingKind.CAPACITY:
            longer = self._timeouts.scale_up if seen.room_is_coming else 0.0
            return max(self._timeouts.capacity, longer)
        if self._kind is FindingKind.TRANSIENT:
            return min(self._timeouts.transient, self._startup)
        return self._startup

    def left(self, seen: Observation) -> float:
        """Return the seconds left, at each observation. At 0 or below the candidate is given up."""
        now = self._clock.monotonic()
        passed, self._looked = now - self._looked, now
        if self._kind is FindingKind.CAPACITY:
            self._began += passed
        if seen.prepares:
            self._began += passed
            self._left_to_prepare -= passed
            return self._left_to_prepare
        if seen.imports and not self._imports:
            self._imports, self._began = True, now
        kind = seen.finding.kind if seen.finding else None
        if kind is not self._kind:
            self._kind, self._since = kind, now
        left = self._since + self.allowed(seen) - now
        if kind is FindingKind.CAPACITY:
            return left
        startup = self._began + self._startup - now
        return min(left, startup) if kind is FindingKind.TRANSIENT else startup
