"""Asset keys that two locations of one deployment would serve: who is refused, and what is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from playground_ops.checks import collisions
from playground_ops.config import Configuration, digest
from playground_ops.core.component import Component, Overview
from playground_ops.core.errors import RolloutFailed
from playground_ops.core.model import Location, Outcome, Phase, Release, RolloutRecord, Verdict
from playground_ops.core.progress import SilentProgress
from playground_ops.engine import apply
from playground_ops.engine.approval import decide
from playground_ops.engine.context import Asker, Engine, Request
from playground_ops.engine.healing import wanted
from playground_ops.engine.rollback import promote, roll_back
from playground_ops.engine.rollout import roll_out
from tests.fakes import FakeTarget, World

A = Location(name="a", repository="/pipelines", ref="main")
B = Location(name="b", repository="/pipelines", ref="next")
KEYS = tuple(f"sales/{one}" for one in ("customers", "items", "orders", "prices", "refunds", "stores"))


def commit(digit: int) -> str:
    return f"{digit:040x}"


def a_world(**assets: tuple[str, ...]) -> World:
    """Return one in which `a` and `b` are at commits of their own, with these asset keys."""
    world = World(heads={"a": commit(1), "b": commit(2)})
    world.assets |= {world.heads[name]: keys for name, keys in assets.items()}
    return world


def engine(world: World, target: FakeTarget | None = None) -> Engine:
    return Engine(target or FakeTarget(world), SilentProgress(), world.clock)


def redeploy(
    world: World, location: Location, target: FakeTarget | None = None, **more: Any
) -> RolloutRecord:
    asked = Request(location=location, configuration=digest(location), by="test", **more)
    return roll_out(engine(world, target), asked)


def moves_on(world: World, name: str, digit: int, *keys: str) -> None:
    """Give the location a new commit with these keys."""
    world.heads[name] = commit(digit)
    world.assets[commit(digit)] = keys


def a_pair() -> World:
    """Return a world in which both serve the same keys, as they did before anybody minded."""
    world = a_world(a=KEYS[:2], b=KEYS[:2])
    redeploy(world, A)
    redeploy(world, B.model_copy(update={"shared_assets": "warn"}))
    return world


def test_a_candidate_with_keys_that_another_location_serves_is_refused_and_told_what_to_do() -> None:
    world = a_world(a=KEYS, b=("b/own", *KEYS))
    redeploy(world, A)
    with pytest.raises(RolloutFailed) as refused:
        redeploy(world, B)
    found = refused.value.finding
    assert found.object == "release/b-1"
    assert found.observed == (
        "6 asset keys are served by location a too, in deployment main: sales/customers, sales/items, "
        "sales/orders, sales/prices, sales/refunds and 1 more."
    )
    assert "Multiple asset definitions found" in found.cause
    for way in ("deployments: [{name: NAME}]", "deployment: NAME", "rename", "shared_assets: warn"):
        assert way in found.fix
    assert set(world.serving) == {"a"}
    (record,) = world.records["b"].values()
    assert record.finding == found


def test_it_is_not_held_against_the_commit() -> None:
    world = a_world(a=KEYS, b=KEYS)
    redeploy(world, A)
    with pytest.raises(RolloutFailed):
        redeploy(world, B)
    moves_on(world, "a", 3, "a/other")
    redeploy(world, A)
    assert redeploy(world, B).outcome is Outcome.DONE


def test_what_serves_stays_where_a_new_commit_brings_such_keys_and_force_does_not_help() -> None:
    world = a_world(a=KEYS)
    redeploy(world, A)
    redeploy(world, B)
    moves_on(world, "b", 3, *KEYS)
    for force in (False, True):
        with pytest.raises(RolloutFailed, match="6 asset keys"):
            redeploy(world, B, force=force)
    assert world.serving["b"] == 1


def test_another_deployment_is_another_instance() -> None:
    world = a_world(a=KEYS, b=KEYS)
    redeploy(world, A)
    record = redeploy(world, B.model_copy(update={"deployment": "next"}))
    assert (record.outcome, record.warnings) == (Outcome.DONE, ())


@pytest.mark.parametrize("who", ["a", "b"])
def test_either_of_both_may_be_configured_to_share(who: str) -> None:
    world = a_world(a=KEYS, b=KEYS)
    redeploy(world, A)
    asked = Request(location=B, configuration=digest(B), by="test")
    record = roll_out(replace(engine(world), sharing=frozenset({who})), asked)
    (warning,) = record.warnings
    assert warning.startswith("6 asset keys are served by location a too: sales/customers")
    assert "`shared_assets: warn` allows it." in warning


def test_a_pair_that_shares_keys_today_goes_on_and_gets_no_worse() -> None:
    world = a_pair()
    moves_on(world, "b", 3, *KEYS[:2], "b/fixed")
    (warning,) = redeploy(world, B).warnings
    assert "It was so before." in warning
    moves_on(world, "a", 4, *KEYS[:2], "b/fixed")
    with pytest.raises(RolloutFailed) as refused:
        redeploy(world, A)
    assert (
        "1 asset key is served by location b too, in deployment main: b/fixed."
        in refused.value.finding.observed
    )


def test_what_was_lost_at_the_other_location_does_not_come_back_by_a_third() -> None:
    world = a_pair()
    third = Location(name="c", repository="/pipelines")
    moves_on(world, "c", 5, *KEYS[:1])
    with pytest.raises(RolloutFailed) as refused:
        redeploy(world, third)
    assert [one.object for one in refused.value.findings] == ["release/c-1"] * 2, "one for each of the others"


def test_a_rollback_is_never_stuck_because_of_it() -> None:
    world = a_world(b=KEYS)
    redeploy(world, B)
    moves_on(world, "b", 3, "b/other")
    redeploy(world, B)
    moves_on(world, "b", 4, "b/third")
    redeploy(world, B)
    moves_on(world, "a", 5, *KEYS)
    redeploy(world, A)
    asked = Request(location=B, configuration=digest(B), by="test")
    assert roll_back(engine(world), asked, None).outcome is Outcome.DONE  # a switch to what is warm
    record = roll_back(engine(world), asked, 1)  # a start anew, through the gates
    assert record.outcome is Outcome.DONE
    assert "What served before is never refused for it." in record.warnings[0]


def test_what_serves_is_brought_up_again_beside_it() -> None:
    world = a_pair()
    world.dead.add("b-1")
    asked = wanted(FakeTarget(world), B)
    assert asked is not None
    assert roll_out(engine(world), asked).outcome is Outcome.DONE


def test_a_fix_is_not_kept_away_from_a_location_whose_server_is_dead() -> None:
    """Nobody can tell what it served, so nobody can say that it gets worse."""
    world = a_pair()
    world.dead.add("b-1")
    moves_on(world, "b", 3, *KEYS[:2])
    warnings = redeploy(world, B).warnings
    assert sum("nobody knows whether it was so before" in one for one in warnings) == 1, warnings


def test_a_promotion_is_refused_as_a_redeploy_is() -> None:
    world = a_world(b=KEYS)
    redeploy(world, A)
    redeploy(world, B)
    with pytest.raises(RolloutFailed, match="served by location b too"):
        promote(engine(world), Asker("test", "promote").request(A), "b")
    assert world.serving["a"] == 1


class Meanwhile(FakeTarget):
    """A target on which something happens just before a call for location `b` takes effect."""

    def __init__(self, world: World, verb: str, happens: Callable[[], object]) -> None:
        super().__init__(world)
        self._verb, self._happens = verb, happens

    def _at(self, verb: str, release: Release) -> None:
        if verb == self._verb and release.location.name == "b":
            self._verb = ""
            self._happens()

    def smoke(self, release: Release, say: Any) -> None:
        super().smoke(release, say)
        self._at("smoke", release)

    def serve(self, release: Release) -> None:
        self._at("serve", release)
        super().serve(release)

    def keep(self, release: Release) -> None:
        super().keep(release)
        self._at("keep", release)


@pytest.mark.parametrize("verb", ["smoke", "serve"])
def test_of_two_rollouts_at_once_the_one_that_serves_first_stays(verb: str) -> None:
    """Here `b` is verified before `a` serves, and goes on after that: before its switch, or in it."""
    world = a_world(a=KEYS, b=KEYS)
    target = Meanwhile(world, verb, lambda: redeploy(world, A))
    with pytest.raises(RolloutFailed, match="6 asset keys are served by location a too"):
        redeploy(world, B, target)
    assert set(world.serving) == {"a"}
    assert world.verbs.count("serve") == {"smoke": 1, "serve": 2}[verb]


def test_the_one_that_served_first_is_not_refused_for_the_later_one() -> None:
    world = a_world(a=KEYS, b=KEYS)

    def later() -> None:
        with pytest.raises(RolloutFailed, match="served by location b too"):
            redeploy(world, A)

    assert redeploy(world, B, Meanwhile(world, "keep", later)).outcome is Outcome.DONE
    assert set(world.serving) == {"b"}


def test_a_switch_that_came_too_late_is_taken_back() -> None:
    world = a_world(a=KEYS)
    redeploy(world, B)
    moves_on(world, "b", 3, *KEYS)
    with pytest.raises(RolloutFailed, match="served by location a too"):
        redeploy(world, B, Meanwhile(world, "serve", lambda: redeploy(world, A)))
    assert world.serving == {"a": 1, "b": 1}


def test_what_was_approved_is_compared_with_what_serves_by_then() -> None:
    world = a_world(b=("b/own",))
    redeploy(world, B)
    moves_on(world, "b", 3, *KEYS)

    class Waits(SilentProgress):
        asked = False

        def phase(self, phase: Phase, message: str) -> None:
            self.asked = self.asked or phase is Phase.APPROVE

        def check(self) -> None:
            if self.asked and "a" not in world.serving:
                moves_on(world, "a", 4, *KEYS)
                redeploy(world, A)
                decide(FakeTarget(world), "b", Verdict(approved=True, by="ada"))

    held = B.model_copy(update={"approval": "manual"})
    asked = Request(location=held, configuration=digest(held), by="test")
    with pytest.raises(RolloutFailed, match="served by location a too"):
        roll_out(replace(engine(world), progress=Waits()), asked)
    assert world.verbs.count("serve") == 2, "it was never switched to"


def test_a_webserver_that_is_starting_is_asked_once_it_shows_the_release() -> None:
    """As at a bootstrap, whose rollouts go on beside it."""
    world = a_world(a=KEYS, b=KEYS)
    redeploy(world, A)
    world.overview = None

    class Starting(FakeTarget):
        def serve(self, release: Release) -> None:
            super().serve(release)
            world.overview = Overview()

    with pytest.raises(RolloutFailed, match="served by location a too"):
        redeploy(world, B, Starting(world))
    assert set(world.serving) == {"a"}


def deployed(world: World, *locations: Location) -> apply.Deployed:
    target = FakeTarget(world)
    target.stack.wanted = [
        Component(name=one.name, kind="location", settings={"configuration": digest(one)})
        for one in locations
    ]
    configuration = Configuration(source="x", locations=locations)
    return apply.deploy(
        engine(world, target), configuration, lambda _: SilentProgress(), Asker("test", "bootstrap")
    )


def test_of_two_with_the_same_code_the_one_configured_first_comes_up() -> None:
    for first, second in ((A, B), (B, A)):
        world = a_world(a=KEYS, b=KEYS)
        done = deployed(world, first, second)
        assert [name for name, _ in done.failures] == [second.name]
        assert set(world.serving) == {first.name}


def test_both_come_up_where_their_keys_differ_or_they_are_apart() -> None:
    assert deployed(a_world(), A, B).failures == ()
    assert deployed(a_world(a=KEYS, b=KEYS), A, B.model_copy(update={"deployment": "next"})).failures == ()


def test_health_tells_of_a_pair_once() -> None:
    served = {"a": KEYS, "b": KEYS[1:3], "c": ("c/own",)}
    ((name, (finding,)),) = collisions.check(served, "next").items()
    assert (name, finding.object) == ("b", "location/b")
    assert "served by b and by a, in deployment next: sales/items, sales/orders." in finding.observed
    assert "`deploy --force`" in finding.fix
    assert collisions.check({"a": KEYS}) == collisions.check({}) == {}
