"""Which commit a deploy goes to."""

from __future__ import annotations

import pytest

from playground_ops import apply, decisions
from playground_ops.component import Component
from playground_ops.config import Configuration, digest
from playground_ops.model import Location
from playground_ops.request import Request
from playground_ops.rollout import Engine
from playground_ops.story import SilentStory
from tests.fakes import GOOD, FakeTarget, World

FIRST, SECOND = "1" * 40, "2" * 40
A = Location(name="a", repository="/pipelines", ref="main")


@pytest.fixture
def engine() -> Engine:
    """`a` serves FIRST, and its branch has gone on to SECOND."""
    world = World()
    world.behaviour |= {FIRST: GOOD, SECOND: GOOD}
    world.heads["a"] = FIRST
    made = Engine(FakeTarget(world), SilentStory(), world.clock)
    made.roll_out(Request(location=A, configuration=digest(A), by="somebody"))
    world.heads["a"] = SECOND
    return made


def deployed(engine: Engine, location: Location) -> str:
    stack = engine.target.stack
    stack.live = [Component(name="a", kind="location", settings={"configuration": digest(A)})]  # type: ignore[attr-defined]
    stack.wanted = [Component(name="a", kind="location", settings={"configuration": digest(location)})]  # type: ignore[attr-defined]
    configuration = Configuration(source="x", locations=(location,))
    done = apply.deploy(engine, configuration, lambda _: SilentStory(), by="somebody")
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
