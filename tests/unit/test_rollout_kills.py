"""The rollout's state machine under random kills: whoever dies, the stack converges.

Histories of redeploys and rollbacks, of good and bad commits, each killed before or after any step, or not.
In every state that this reaches, what served goes on serving.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from playground_ops.core.errors import PlaygroundError
from playground_ops.core.model import MAIN, Location, Outcome, ReleaseState
from playground_ops.core.progress import SilentProgress
from playground_ops.engine.context import Engine, Request
from playground_ops.engine.rollback import roll_back
from playground_ops.engine.rollout import roll_out
from tests import fakes
from tests.fakes import FakeTarget, Killed, World

A = Location(name="a", repository="https://git.test/a.git", ref="main", startup_timeout_seconds=10)


@dataclass(frozen=True)
class Attempt:
    action: str
    commit: str
    behaviour: str
    kill_at: int | None
    after_effect: bool


commits = st.integers(1, 6).map(lambda digit: f"{digit:040x}")
attempts = st.builds(
    Attempt,
    action=st.sampled_from(["redeploy", "redeploy", "rollback"]),
    commit=commits,
    behaviour=st.sampled_from(fakes.BEHAVIOURS),
    kill_at=st.none() | st.integers(1, 60),
    after_effect=st.booleans(),
)


deployments = st.sampled_from([MAIN, "next"])
TAKEN = f"{6:040x}"
"""The commit with an asset key that location `z` of the main deployment serves."""


def beside_another() -> World:
    """Return a world in which `z` serves a key that one of the commits has too."""
    keys = ("z/numbers",)
    world = World(heads={"z": "e" * 40}, assets={TAKEN: keys, "e" * 40: keys})
    engine = Engine(FakeTarget(world), SilentProgress(), world.clock)
    z = A.model_copy(update={"name": "z"})
    roll_out(engine, Request(location=z, configuration="digest", by="test"))
    return world


def carry_out(world: World, attempt: Attempt, deployment: str = MAIN) -> None:
    # A commit behaves in one way for good; what serves never turns bad in these histories.
    world.behaviour.setdefault(attempt.commit, attempt.behaviour)
    world.heads["a"] = attempt.commit
    target = FakeTarget(world, attempt.kill_at, attempt.after_effect)
    engine = Engine(target, SilentProgress(), world.clock)
    location = A.model_copy(update={"deployment": deployment})
    request = Request(location=location, configuration=f"digest {deployment}", by="test")
    try:
        if attempt.action == "rollback":
            roll_back(engine, request, None)
        else:
            roll_out(engine, request)
    except (Killed, PlaygroundError):
        pass


def has_served(world: World) -> bool:
    return any(record.outcome is Outcome.DONE for record in world.records.get("a", {}).values())


def one_release_serves_or_the_location_never_had_one(world: World) -> None:
    if has_served(world):
        release = world.serving_release("a")
        assert release is not None, world.verbs
        assert release.number not in world.draining.get("a", set())


def nothing_is_left_over(world: World) -> None:
    live = FakeTarget(world).releases("a")
    states = [found.state for found in live]
    assert ReleaseState.CANDIDATE not in states
    assert states.count(ReleaseState.SERVING) == 1
    assert states.count(ReleaseState.RETIRED) <= 1
    unfinished = [record for record in world.records["a"].values() if record.outcome is None]
    assert unfinished == []


@settings(max_examples=400)
@given(st.lists(attempts, min_size=1, max_size=8), deployments)
def test_in_every_reachable_state_exactly_one_release_serves(history: list[Attempt], deployment: str) -> None:
    world = World()
    for attempt in history:
        carry_out(world, attempt, deployment)
        one_release_serves_or_the_location_never_had_one(world)
    carry_out(world, Attempt("redeploy", "f" * 40, fakes.GOOD, None, False), deployment)
    release = world.serving_release("a")
    assert release is not None
    assert release.revision.commit == "f" * 40
    nothing_is_left_over(world)


@settings(max_examples=300)
@given(st.lists(attempts, min_size=1, max_size=6))
def test_a_bad_commit_never_serves_after_a_rollout_that_was_not_killed(history: list[Attempt]) -> None:
    world = World()
    for attempt in history:
        carry_out(world, attempt)
        release = world.serving_release("a")
        if attempt.kill_at is None and release is not None:
            assert world.of(release) == fakes.GOOD


@settings(max_examples=300)
@given(st.lists(st.tuples(attempts, deployments), min_size=1, max_size=8))
def test_no_rollout_changes_the_deployment_or_serves_keys_that_are_taken_there(
    history: list[tuple[Attempt, str]],
) -> None:
    world = beside_another()
    was: str | None = None
    for attempt, configured in history:
        carry_out(world, attempt, configured)
        release = world.serving_release("a")
        now = release.location.deployment if release else None
        assert now is None or was in (None, now), world.verbs
        assert (now, release and release.revision.commit) != (MAIN, TAKEN)
        was = now if has_served(world) else None  # what was never confirmed makes way


@settings(max_examples=200)
@given(st.lists(attempts, min_size=1, max_size=8))
def test_release_numbers_are_never_used_twice(history: list[Attempt]) -> None:
    world = World()
    made: dict[int, str] = {}
    for attempt in history:
        carry_out(world, attempt)
        for record in world.records.get("a", {}).values():
            if record.release is not None:
                known = made.setdefault(record.release.number, record.release.revision.commit)
                assert known == record.release.revision.commit
