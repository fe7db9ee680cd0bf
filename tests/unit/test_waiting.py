"""How long a candidate is waited for: by a script of observations, on a clock that is passed in."""

from __future__ import annotations

import pytest

from playground_ops.core.errors import FindingKind
from playground_ops.core.model import Observation, ServerStatus
from playground_ops.engine.context import GRACE_SECONDS, Timeouts, Waiting
from tests.fakes import FakeClock, finding

TIMEOUTS = Timeouts(transient=20.0, capacity=40.0, scale_up=300.0)
STARTUP = 30.0
PREPARE = 70.0


def seen(kind: FindingKind | None = None, **more: bool) -> Observation:
    found = finding(kind) if kind else None
    return Observation(status=ServerStatus.STARTING, message="it", finding=found, **more)


def given_up_after(*script: tuple[float, Observation]) -> float:
    """Return when it is given up. Each observation lasts so many seconds, the last one for ever."""
    clock = FakeClock()
    waiting = Waiting(clock, TIMEOUTS, STARTUP, PREPARE)
    for seconds, observation in script:
        end = clock.now + seconds
        while clock.now < end:
            if waiting.left(observation) <= 0:
                return clock.now
            clock.sleep(1.0)
    raise AssertionError("it is still waited for")


EVER = 2000.0


@pytest.mark.parametrize(
    ("script", "seconds"),
    [
        ([(EVER, seen())], STARTUP),
        ([(EVER, seen(FindingKind.TRANSIENT))], TIMEOUTS.transient),
        ([(EVER, seen(FindingKind.CAPACITY))], TIMEOUTS.capacity),
        ([(EVER, seen(FindingKind.CAPACITY, room_is_coming=True))], TIMEOUTS.scale_up),
        # An import has its own timeout once there is room, and a timeout starts anew when its reason comes
        # back.
        ([(35.0, seen(FindingKind.CAPACITY)), (EVER, seen())], 35.0 + STARTUP),
        # So have the commands that prepare it.
        ([(5.0, seen()), (50.0, seen(prepares=True)), (EVER, seen())], 50.0 + STARTUP),
        ([(5.0, seen()), (EVER, seen(prepares=True))], 5.0 + PREPARE + GRACE_SECONDS),
        ([(15.0, seen(FindingKind.TRANSIENT)), (5.0, seen()), (EVER, seen(FindingKind.TRANSIENT))], STARTUP),
    ],
)
def test_each_reason_has_a_time_of_its_own(script: list[tuple[float, Observation]], seconds: float) -> None:
    assert given_up_after(*script) == pytest.approx(seconds, abs=1.0)
