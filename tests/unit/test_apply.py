"""Which commit a deploy goes to, and how long it waits for what it started."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from playground_ops.config import Configuration, digest
from playground_ops.core import decisions
from playground_ops.core.component import Component, ComponentStatus
from playground_ops.core.errors import PlaygroundError
from playground_ops.core.model import Location
from playground_ops.core.progress import SilentProgress
from playground_ops.engine import apply
from playground_ops.engine.context import Asker, Engine, Request
from playground_ops.engine.rollout import roll_out
from tests.fakes import GOOD, FakeStack, FakeTarget, World

FIRST, SECOND = "1" * 40, "2" * 40
A = Location(name="a", repository="/pipelines", ref="main")


@pytest.fixture
def engine() -> Engine:
    """An engine on which `a` serves FIRST, and its branch has gone on to SECOND."""
    world = World()
    world.behaviour |= {FIRST: GOOD, SECOND: GOOD}
    world.heads["a"] = FIRST
    made = Engine(FakeTarget(world), SilentProgress(), world.clock)
    roll_out(made, Request(location=A, configuration=digest(A), by="somebody"))
    world.heads["a"] = SECOND
    return made


def deployed(engine: Engine, location: Location) -> str:
    stack = engine.target.stack
    stack.live = [Component(name="a", kind="location", settings={"configuration": digest(A)})]  # type: ignore[attr-defined]
    stack.wanted = [Component(name="a", kind="location", settings={"configuration": digest(location)})]  # type: ignore[attr-defined]
    configuration = Configuration(source="x", locations=(location,))
    done = apply.deploy(engine, configuration, lambda _: SilentProgress(), Asker("somebody", "deploy"))
    assert done.failures == ()
    now = decisions.serving(engine.target.releases("a"))
    assert now is not None
    assert now.release.number == 2
    return now.release.revision.commit


def test_a_changed_setting_is_a_new_release_of_the_commit_that_serves(engine: Engine) -> None:
    assert deployed(engine, A.model_copy(update={"environment": {"LEVEL": "info"}})) == FIRST


@pytest.mark.parametrize("changed", [{"ref": "next"}, {"repository": "/others"}])
def test_what_is_asked_for_anew_is_resolved(engine: Engine, changed: dict[str, str]) -> None:
    assert deployed(engine, A.model_copy(update=changed)) == SECOND


class Starting(FakeStack):
    """A daemon that comes up in steps: its message from each second on."""

    def __init__(self, world: World, steps: dict[float, str]) -> None:
        super().__init__(world)
        self.steps = steps

    def component_status(self) -> Sequence[ComponentStatus]:
        at = max(second for second in self.steps if second <= self.world.clock.now)
        message = self.steps[at]
        return [ComponentStatus(name="daemon", kind="daemon", ready=message == "ready", message=message)]


def waited(steps: dict[float, str]) -> float:
    """Return the seconds waited. Raises PlaygroundError."""
    world = World()
    target = FakeTarget(world)
    target.stack = Starting(world, steps)
    apply.wait_until_ready(Engine(target, SilentProgress(), world.clock))
    return world.clock.now


def test_a_component_that_comes_up_step_by_step_is_waited_for() -> None:
    steps = {
        0.0: "the pod before it has not ended",
        100.0: "the pod waits for daemon to be started",
        210.0: "its first probe",
        320.0: "ready",
    }
    assert waited(steps) == 320.0


def test_one_that_stands_still_is_given_up() -> None:
    with pytest.raises(
        PlaygroundError, match="It is not ready after 160 s: the pod waits for daemon to be started"
    ):
        waited(
            {0.0: "the pod waits for a node", 40.0: "the pod waits for daemon to be started", 165.0: "ready"}
        )


def test_one_that_keeps_ending_is_given_up() -> None:
    loop = {second: "started" if second % 20 else "ended with exit code 1" for second in range(0, 1000, 10)}
    with pytest.raises(PlaygroundError, match="It is not ready after 130 s"):
        waited(loop)


def test_one_that_always_says_something_new_is_given_up_too() -> None:
    with pytest.raises(PlaygroundError, match="It is not ready after 600 s: started 60 times"):
        waited({second * 10.0: f"started {second} times" for second in range(100)})
