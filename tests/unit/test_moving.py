"""Code that changes its shape keeps its schedules and sensors: matched, held, carried over, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground_ops.core.errors import RolloutFailed
from playground_ops.core.loaded import Automation, Defined, LoadedCode
from playground_ops.core.model import Location, Outcome
from playground_ops.core.moving import match, move
from playground_ops.core.progress import SilentProgress
from playground_ops.engine.compare import differences
from playground_ops.engine.context import Engine, Request
from playground_ops.engine.rollback import roll_back
from playground_ops.engine.rollout import roll_out
from tests import fakes
from tests.fakes import FakeTarget, Killed, World

A = Location(name="a", repository="https://git.test/a.git", ref="main", startup_timeout_seconds=30)
FUNCTION, DEFINITIONS = "sales", "__repository__"


def sensor(repository: str, name: str = "new_files") -> Automation:
    return Automation(repository=repository, name=name, kind="sensor", runs_by_default=False)


def commit(digit: int) -> str:
    return f"{digit:040x}"


class Told(SilentProgress):
    def __init__(self) -> None:
        self.warned: list[str] = []
        self.said: list[str] = []

    def warn(self, message: str) -> None:
        self.warned.append(message)

    def say(self, message: str) -> None:
        self.said.append(message)


def rolls_out(world: World, digit: int, **fields: object) -> Told:
    world.heads["a"], told = commit(digit), Told()
    wanted = {"location": A, "configuration": "digest", "by": "test", **fields}
    roll_out(Engine(FakeTarget(world), told, world.clock), Request(**wanted))  # type: ignore[arg-type]
    return told


def shaped(*shapes: list[Automation], **fields: object) -> World:
    """Return a world whose commits 1, 2, ... define these; the first serves, its sensors with cursors."""
    world = World(**fields)  # type: ignore[arg-type]
    world.automations = {commit(digit): shape for digit, shape in enumerate(shapes, 1)}
    rolls_out(world, 1)
    world.states = {one: f"cursor of {one.repository}/{one.name}" for one in shapes[0]}
    return world


BEFORE, AFTER = sensor(FUNCTION), sensor(DEFINITIONS)
CURSOR = "cursor of sales/new_files"


def test_state_goes_along_with_a_change_of_shape_and_back_with_a_rollback() -> None:
    world = shaped([BEFORE], [AFTER])
    told = rolls_out(world, 2)
    assert world.states == {BEFORE: "stopped", AFTER: CURSOR}
    order = [verb for verb in world.verbs if verb in ("hold_automation", "serve", "carry_automation")]
    assert order == ["serve", "hold_automation", "serve", "carry_automation"]
    assert told.said[-1] == (
        "moved from repository sales to __repository__, on or off as before and with their cursors: "
        "sensor new_files"
    )
    world.states[AFTER] = "a later cursor"
    engine = Engine(FakeTarget(world), SilentProgress(), world.clock)
    roll_back(engine, Request(location=A, configuration="digest", by="test", action="rollback"), None)
    assert world.states == {BEFORE: "a later cursor", AFTER: "stopped"}


def test_what_keeps_its_repository_is_left_alone() -> None:
    world = shaped([BEFORE], [BEFORE, sensor(FUNCTION, "another")])
    assert not rolls_out(world, 2).warned
    assert world.states == {BEFORE: CURSOR}
    assert "hold_automation" not in world.verbs


def test_what_moves_between_repositories_that_stay_is_found_too() -> None:
    stays = [sensor("one", "x"), sensor("two", "y")]
    world = shaped([*stays, sensor("one")], [*stays, sensor("two")])
    rolls_out(world, 2)
    assert world.states[sensor("two")] == "cursor of one/new_files"
    assert world.states[sensor("one", "x")] == "cursor of one/x"


def test_a_tick_under_way_is_waited_for() -> None:
    world = shaped([BEFORE], [AFTER])
    world.ticking[BEFORE] = 3
    told = rolls_out(world, 2)
    assert world.states == {BEFORE: "stopped", AFTER: CURSOR}
    assert "waiting up to 60 s for ticks to end: sensor new_files" in told.said
    assert not told.warned


def test_and_one_that_never_ends_keeps_no_rollout_back() -> None:
    world = shaped([BEFORE], [AFTER])
    world.ticking[BEFORE] = 10**6
    told = rolls_out(world, 2)
    assert world.states == {BEFORE: "stopped", AFTER: CURSOR}
    assert told.warned == ["they tick for more than 60 s, and go on meanwhile: sensor new_files"]


TWO = [sensor("sales"), sensor("stock")]


def test_what_nobody_can_tell_apart_is_refused_unless_forced() -> None:
    world = shaped(TWO, [AFTER])
    with pytest.raises(RolloutFailed, match=r"Nobody can tell which .*sensor new_files of sales"):
        rolls_out(world, 2)
    before = {one: f"cursor of {one.repository}/{one.name}" for one in TWO}
    assert (world.serving["a"], world.states) == (1, before)
    told = rolls_out(world, 2, force=True)
    assert world.states == before
    assert any("these begin as the code says: sensor new_files" in one for one in told.warned)


def test_a_switch_that_is_taken_back_leaves_everything_as_it_was() -> None:
    for behaviour in (fakes.DIES_AFTER_SWITCH, fakes.NEVER_SHOWN):
        world = shaped([BEFORE], [AFTER], behaviour={commit(2): behaviour})
        with pytest.raises(RolloutFailed):
            rolls_out(world, 2)
        assert world.serving["a"] == 1
        assert world.states == {BEFORE: CURSOR, AFTER: "stopped"}


def test_one_that_fails_while_it_is_watched_gives_back_what_it_took_over() -> None:
    world = shaped([BEFORE], [AFTER], behaviour={commit(2): fakes.DIES_WHILE_WATCHED})
    engine = Engine(FakeTarget(world), SilentProgress(), world.clock).waiting(watch=30.0)
    world.heads["a"] = commit(2)
    with pytest.raises(RolloutFailed):
        roll_out(engine, Request(location=A, configuration="digest", by="test"))
    assert world.states == {BEFORE: CURSOR, AFTER: "stopped"}


@pytest.mark.parametrize("after_effect", [False, True])
def test_killed_at_any_line_exactly_one_goes_on_after_the_next_rollout(after_effect: bool) -> None:
    kill_at = 0
    while True:
        kill_at += 1
        world = shaped([BEFORE], [AFTER], misses_switches=True)
        world.heads["a"] = commit(2)
        dying = FakeTarget(world, kill_at, after_effect)
        request = Request(location=A, configuration="digest", by="test")
        try:
            roll_out(Engine(dying, SilentProgress(), world.clock), request)
        except Killed:
            rolls_out(world, 2)
            assert world.states == {BEFORE: "stopped", AFTER: CURSOR}, kill_at
            continue
        break
    assert kill_at > 20


def test_a_serving_release_that_does_not_answer_keeps_no_rollout_back_and_that_is_told() -> None:
    world = shaped([BEFORE], [AFTER])
    world.dead.add("a-1")
    told = rolls_out(world, 2)
    assert any("nobody knows whether schedules and sensors move" in one for one in told.warned)
    assert list(world.records["a"].values())[-1].outcome is Outcome.DONE


SIDE = st.lists(
    st.builds(
        Defined,
        kind=st.sampled_from(["sensor", "job"]),
        name=st.sampled_from("xy"),
        repository=st.sampled_from(["one", "two", "three"]),
    ),
    unique_by=lambda one: (one.repository, one.kind, one.name),
)


@given(SIDE, SIDE)
def test_each_definition_is_in_exactly_one_place_and_pairs_have_one_name(
    before: list[Defined], after: list[Defined]
) -> None:
    found = match(before, after)
    left, right = ([pair[side] for pair in found.pairs] for side in (0, 1))
    assert sorted(map(repr, [*left, *found.removed])) == sorted(map(repr, before))
    assert sorted(map(repr, [*right, *found.added])) == sorted(map(repr, after))
    assert all((one.kind, one.name) == (other.kind, other.name) for one, other in found.pairs)
    for one, other in found.pairs:
        if one.repository != other.repository:
            assert one not in after
            assert other not in before


def test_a_comparison_tells_of_the_repository_and_of_several_with_one_name() -> None:
    def job(repository: str) -> Defined:
        return Defined(kind="job", name="j", repository=repository)

    (found,) = differences([job("sales")], [job(DEFINITIONS)])
    told = [(one.path, one.before, one.after) for one in found.fields]
    assert (found.change, found.name, told) == ("changed", "j", [("repository", "sales", DEFINITIONS)])
    (found,) = differences([job("sales"), job("stock")], [job("sales")])
    assert (found.change, found.name) == ("removed", "j")
    several = differences([job("sales"), job("stock")], [job(DEFINITIONS)])
    assert [(one.change, one.name) for one in several] == [
        ("added", f"{DEFINITIONS}/j"),
        ("removed", "sales/j"),
        ("removed", "stock/j"),
    ]
    asset = Defined(kind="asset", name="x", repository="sales")
    assert differences([asset], [asset.model_copy(update={"repository": DEFINITIONS})]) == ()


def test_one_repository_for_another_is_told_apart_from_more() -> None:
    def code(*repositories: str) -> LoadedCode:
        return LoadedCode(server_id="x", working_directories=(), repositories=repositories)

    assert move(code("sales"), code(DEFINITIONS)).repositories == ("sales", DEFINITIONS)
    assert move(code("sales", "stock"), code("stock", DEFINITIONS)).repositories == ("sales", DEFINITIONS)
    assert move(code("sales", "stock"), code(DEFINITIONS)).repositories is None
    assert not move(code("sales"), code("sales"))
