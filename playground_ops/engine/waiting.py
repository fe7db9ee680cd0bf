"""How long a candidate is waited for: each reason not to be ready has a time of its own."""

from __future__ import annotations

from playground_ops.core.clock import Clock
from playground_ops.core.errors import FindingKind
from playground_ops.core.model import Observation
from playground_ops.engine.context import Timeouts


class Waiting:
    """For one start. The time for importing begins when its code runs; as long is given for all before."""

    def __init__(self, clock: Clock, timeouts: Timeouts, startup_seconds: float) -> None:
        self._clock, self._timeouts, self._startup = clock, timeouts, startup_seconds
        self._began = self._looked = self._since = clock.monotonic()
        self._kind: FindingKind | None = None
        self._imports = False

    def allowed(self, seen: Observation) -> float:
        """Seconds in all for what it waits for now."""
        if self._kind is FindingKind.CAPACITY:
            longer = self._timeouts.scale_up if seen.room_is_coming else 0.0
            return max(self._timeouts.capacity, longer)
        if self._kind is FindingKind.TRANSIENT:
            return min(self._timeouts.transient, self._startup)
        return self._startup

    def left(self, seen: Observation) -> float:
        """Seconds for which going on is worth it; asked at each look. None left: it is given up."""
        now = self._clock.monotonic()
        if self._kind is FindingKind.CAPACITY:
            self._began += now - self._looked
        self._looked = now
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
