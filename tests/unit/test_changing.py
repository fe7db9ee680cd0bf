"""The engine and what a rollout changes: told before the switch, on record, and in nobody's way."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from playground_ops.config import read
from playground_ops.core.changes import Changes
from playground_ops.core.errors import FindingKind, PlaygroundError
from playground_ops.core.loaded import Defined, LoadedCode
from playground_ops.core.model import Location, Observation, Outcome, Phase, Release, RolloutRecord, Verdict
from playground_ops.core.progress import SilentProgress
from playground_ops.engine.approval import decide
from playground_ops.engine.changing import ASK_SECONDS
from playground_ops.engine.context import Engine, Request
from playground_ops.engine.rollback import roll_back
from playground_ops.engine.rollout import roll_out
from playground_ops.engine.status import read_status
from tests import fakes
from tests.fakes import FakeTarget, Killed, World

A = Location(name="a", repository="https://git.test/a.git", ref="main", startup_timeout_seconds=30)
REQUEST = Request(location=A, configuration="digest", by="test")
REVIEWED = A.model_copy(update={"approval": "manual", "approval_timeout_seconds": 60})
CONFIGURATION = read("code_locations: [{name: a}]", Path("x.yaml"))
SECOND = "against release 1: 1 asset added (stock), 1 changed: prices (code version 1 -> 2)"


def commit(digit: int) -> str:
    return f"{digit:040x}"


def asset(name: str, version: str = "1") -> Defined:
    return Defined(kind="asset", name=name, fields={"code version": version})


def world_at(digit: int) -> World:
    """Return a world whose ref leads to this commit, of which each before it has served."""
    world = World()
    world.defined = {
        commit(1): [asset("prices")],
        commit(2): [asset("prices", "2"), asset("stock")],
        commit(3): [asset("prices", "2"), asset("stock")],
    }
    for number in range(1, digit):
        world.heads["a"] = commit(number)
        roll_out(engine(world), REQUEST)
    world.heads["a"] = commit(digit)
    return world


def engine(world: World, progress: SilentProgress | None = None) -> Engine:
    return Engine(FakeTarget(world), progress or SilentProgress(), world.clock)


def last(world: World) -> RolloutRecord:
    return list(world.records["a"].values())[-1]


def told(changes: Changes | None) -> str:
    assert changes is not None
    return changes.sentence()


class Telling(SilentProgress):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def phase(self, phase: Phase, message: str) -> None:
        self.lines.append(f"{phase.value}: {message}")

    def say(self, message: str) -> None:
        self.lines.append(message)


def test_a_rollout_says_what_changes_before_it_switches() -> None:
    world, heard = world_at(2), Telling()
    record = roll_out(engine(world, heard), REQUEST)
    assert told(record.changes) == told(last(world).changes) == SECOND
    at = heard.lines.index(SECOND)
    assert any(line.startswith(Phase.SWITCH.value) for line in heard.lines[at:])
    assert not any(line.startswith(Phase.SWITCH.value) for line in heard.lines[:at])


def test_a_commit_that_changes_no_definition_says_so_and_a_first_one_is_all_new() -> None:
    assert told(roll_out(engine(world_at(3)), REQUEST).changes) == "against release 2: no definition changes"
    first = roll_out(engine(world_at(1)), REQUEST)
    assert told(first.changes) == "nothing served before, so everything is new: 1 asset"


@pytest.mark.parametrize("after_effect", [False, True])
def test_it_is_on_record_before_the_switch_and_outlives_a_kill_at_any_step(after_effect: bool) -> None:
    switching = 0
    for kill_at in range(1, 60):
        world = world_at(2)
        with suppress(Killed):
            roll_out(Engine(FakeTarget(world, kill_at, after_effect), SilentProgress(), world.clock), REQUEST)
        died = last(world)
        if died.outcome is None and (died.phase is Phase.SWITCH or world.serving["a"] == 2):
            switching += 1
            assert told(died.changes) == SECOND
            roll_out(engine(world), REQUEST)
            again = world.records["a"][died.id]
            assert again.outcome in (Outcome.DONE, Outcome.INTERRUPTED)
            assert told(again.changes) == SECOND
    assert switching > 3


@pytest.mark.parametrize("how", ["refuses", "dead", "silent"])
def test_a_server_that_tells_nothing_holds_no_rollout_back(how: str) -> None:
    world = world_at(2)
    if how == "refuses":
        world.behaviour[commit(1)] = fakes.REFUSES
    else:
        {"dead": world.dead, "silent": world.silent_servers}[how].add("a-1")
    began = world.clock.monotonic()
    record = roll_out(engine(world), REQUEST)
    assert record.outcome is Outcome.DONE
    assert told(record.changes).startswith("what changes against release 1 is not known: ")
    assert world.clock.monotonic() - began < ASK_SECONDS + 5.0


def test_what_serves_is_asked_once_and_while_the_candidate_starts() -> None:
    class Noting(FakeTarget):
        def __init__(self, world: World) -> None:
            super().__init__(world)
            self.order: list[str] = []

        def inspect(self, release: Release, seconds: float = 180.0) -> LoadedCode:
            self.order.append(f"inspect {release.name}")
            return super().inspect(release, seconds)

        def start(self, release: Release, say: object) -> None:
            self.order.append(f"start {release.name}")
            super().start(release, say)

        def observe(self, release: Release) -> Observation:
            self.order.append(f"observe {release.name}")
            return super().observe(release)

    world = world_at(2)
    target = Noting(world)
    location = A.model_copy(update={"must_keep": ("asset",)})
    roll_out(Engine(target, SilentProgress(), world.clock), Request(location, "digest", "test"))
    began = target.order.index("start a-2")
    assert target.order[began : began + 3] == ["start a-2", "inspect a-1", "observe a-2"]
    assert target.order.count("inspect a-1") == target.order.count("inspect a-2") == 1


def test_a_rollback_to_a_warm_release_tells_it_from_the_record_and_asks_nobody() -> None:
    class Mute(FakeTarget):
        def inspect(self, release: Release, seconds: float = 180.0) -> LoadedCode:
            raise AssertionError("a rollback has no time for this")

    world = world_at(2)
    roll_out(engine(world), REQUEST)
    mute = Engine(Mute(world), SilentProgress(), world.clock)
    back = "against release 2: 1 asset removed (stock), 1 changed: prices (code version 2 -> 1)"
    assert told(roll_back(mute, REQUEST, None).changes) == back
    assert told(roll_back(mute, REQUEST, 2).changes) == SECOND

    world.records["a"] = {
        key: one.model_copy(update={"changes": None}) for key, one in world.records["a"].items()
    }
    assert "no rollout on record went from one to the other" in told(roll_back(mute, REQUEST, None).changes)


def test_whoever_is_asked_to_approve_is_told_what_changes() -> None:
    class Person(Telling):
        """Looks at what is there for a person to see, and approves."""

        def __init__(self, world: World) -> None:
            super().__init__()
            self.world, self.seen = world, ""

        def check(self) -> None:
            if not self.seen and any(line.startswith(Phase.APPROVE.value) for line in self.lines):
                target = FakeTarget(self.world)
                (status,) = [one for one in read_status(target, CONFIGURATION).locations if one.name == "a"]
                self.seen = status.candidate_changes or "nothing"
                decided = decide(target, "a", Verdict(approved=True, by="ada"))
                assert (decided.release.name, told(decided.changes)) == ("a-2", SECOND)

    world = world_at(2)
    person = Person(world)
    roll_out(engine(world, person), Request(REVIEWED, "digest", "test"))
    assert person.seen == SECOND
    (asked,) = [line for line in person.lines if line.startswith(Phase.APPROVE.value)]
    assert asked.endswith(f"`reject a`; {SECOND}")
    (status,) = [one for one in read_status(FakeTarget(world), CONFIGURATION).locations if one.name == "a"]
    assert status.candidate_changes is None


class Asked(FakeTarget):
    """A target whose candidate does not answer at first, and may be found to have failed by then."""

    def __init__(self, world: World, silent: int, failed: bool = False) -> None:
        super().__init__(world)
        self.silent, self.failed, self.asked = silent, failed, 0

    def inspect(self, release: Release, seconds: float = 180.0) -> LoadedCode:
        if release.number == 1:
            return super().inspect(release, seconds)
        self.asked += 1
        if self.asked <= self.silent:
            if self.failed:
                self.world.dead.add(release.name)
            raise PlaygroundError(
                fakes.finding(FindingKind.TRANSIENT, "It does not answer: Deadline Exceeded.")
            )
        return super().inspect(release, seconds)


def test_a_candidate_that_is_busy_is_asked_again() -> None:
    world = world_at(2)
    target = Asked(world, silent=3)
    assert roll_out(Engine(target, SilentProgress(), world.clock), REQUEST).outcome is Outcome.DONE
    assert target.asked == 4


def test_a_candidate_that_never_answers_ends_the_rollout() -> None:
    world = world_at(2)
    with pytest.raises(PlaygroundError, match="Deadline Exceeded"):
        roll_out(Engine(Asked(world, silent=1000), SilentProgress(), world.clock), REQUEST)
    assert world.serving["a"] == 1


def test_a_candidate_that_failed_as_it_was_asked_is_told_by_what_is_observed() -> None:
    world = world_at(2)
    target = Asked(world, silent=1000, failed=True)
    with pytest.raises(PlaygroundError, match="ImportError: boom"):
        roll_out(Engine(target, SilentProgress(), world.clock), REQUEST)
    assert target.asked == 1 and world.serving["a"] == 1
