"""Where a rollback goes: what served is a stack, also where records are gone.

Histories of redeploys, rollbacks, promotions and repairs, beside a list that is used as a stack.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground_ops.config import read
from playground_ops.core import served
from playground_ops.core.errors import BadInput, PlaygroundError
from playground_ops.core.model import LiveRelease, Outcome, Release, ReleaseState, Revision
from playground_ops.engine import redeploy
from playground_ops.engine.context import Asker
from playground_ops.engine.health.examine import examine
from playground_ops.engine.rollback import roll_back
from playground_ops.engine.rollout import roll_out
from playground_ops.engine.status import location_status
from tests import fakes
from tests.fakes import FakeTarget, World
from tests.unit.test_rollout import A, commit, engine, request

BAD = 9
"""The digit of a commit that no gate lets through."""


@dataclass
class Place:
    digit: int
    numbers: set[int]


@dataclass
class Story:
    """A location, and beside it the places that it served, the last one now."""

    world: World = field(default_factory=lambda: World(behaviour={commit(BAD): fakes.BROKEN}))
    places: list[Place] = field(default_factory=list)
    digits: dict[int, int] = field(default_factory=dict)
    """By number of release: the digit of its commit."""
    first: dict[int, int] = field(default_factory=dict)
    """By number: the one that it is made anew of by rollbacks and repairs, or itself."""

    def do(self, action: str, operand: int) -> None:
        if action in ("redeploy", "force", "promote"):
            self.roll_out(operand, force=action == "force", action=action)
        elif action == "bad":
            with pytest.raises(PlaygroundError):
                self.roll_out(BAD)
        elif action == "heal" and self.places:
            self.heal()
        elif action == "rollback":
            self.roll_back()
        elif action == "to" and self.digits:
            self.roll_back_to(sorted(self.digits)[operand % len(self.digits)])

    def roll_out(self, digit: int, *, force: bool = False, action: str = "redeploy") -> None:
        self.world.heads["a"] = commit(digit)
        revision = Revision(repository=A.repository, commit=commit(digit), ref="main")
        more = {"action": "promote", "revision": revision} if action == "promote" else {}
        record = roll_out(engine(self.world), request(force=force, **more))
        if record.outcome is Outcome.DONE:
            self.pushed(digit)

    def heal(self) -> None:
        """As the health check does with a server that does not answer."""
        release = self.serving()
        again = Asker("health", "heal").again(release, rollback_of=release.rollback_of, force=True)
        roll_out(engine(self.world), again)
        self.pushed(self.places[-1].digit)

    def roll_back(self) -> None:
        if len(self.places) < 2:
            with pytest.raises(BadInput, match="no earlier release"):
                roll_back(engine(self.world), request(action="rollback"), None)
            return
        before, starts = self.states(), self.world.verbs.count("start")
        target = self.places[-2]
        record = roll_back(engine(self.world), request(action="rollback"), None)
        del self.places[-1]
        self.came_to(target.digit)
        warm = {number for number, state in before.items() if state is ReleaseState.RETIRED}
        assert record.release is not None
        if warm & target.numbers:
            assert record.release.number in warm, "it was warm: nothing had to be made"
            assert self.world.verbs.count("start") == starts + 1, "only what served was made sure to run"
        target.numbers.add(record.release.number)

    def roll_back_to(self, number: int) -> None:
        digit = self.digits[number]
        record = roll_back(engine(self.world), request(action="rollback"), number)
        if record.outcome is Outcome.UNCHANGED:
            return
        found = [index for index, place in enumerate(self.places) if self.first[number] in place.numbers]
        if found:
            del self.places[found[0] + 1 :]
            self.came_to(digit)
            self.places[-1].numbers |= {self.serving().number}
        else:
            self.pushed(digit)
        assert self.first[self.serving().number] == self.first[number]

    def pushed(self, digit: int) -> None:
        if not self.places or self.places[-1].digit != digit:
            self.places.append(Place(digit, set()))
        self.came_to(digit)
        self.places[-1].numbers |= {self.serving().number, self.first[self.serving().number]}

    def came_to(self, digit: int) -> None:
        now = self.serving()
        assert now.revision.commit == commit(digit)
        self.digits[now.number] = digit
        self.first[now.number] = generation(now)

    def serving(self) -> Release:
        found = self.world.serving_release("a")
        assert found is not None
        return found

    def live(self) -> list[LiveRelease]:
        return list(FakeTarget(self.world).releases("a"))

    def states(self) -> dict[int, ReleaseState]:
        return {one.release.number: one.state for one in self.live()}

    def choice(self) -> Release | None:
        records = list(self.world.records.get("a", {}).values())
        return served.rollback_choice(records, self.live())


steps = st.tuples(
    st.sampled_from(
        ["redeploy", "redeploy", "rollback", "rollback", "to", "force", "promote", "bad", "heal"]
    ),
    st.integers(1, 4),
)


@settings(max_examples=300)
@given(st.lists(steps, max_size=12))
def test_a_rollback_pops_what_rollouts_pushed(history: list[tuple[str, int]]) -> None:
    story = Story()
    for action, operand in history:
        story.do(action, operand)
        if story.places:
            assert story.serving().revision.commit == commit(story.places[-1].digit)
        assert [one.state for one in story.live()].count(ReleaseState.RETIRED) <= 1
        shown = location_status("a", story.live(), list(story.world.records.get("a", {}).values()), None)
        before = story.places[-2].numbers if len(story.places) > 1 else {None}
        assert shown.previous in before, "status shows where a rollback goes"
        if shown.previous in story.states():
            assert shown.warm == shown.previous, "what a rollback goes to stays warm before anything else"


@settings(max_examples=200)
@given(st.lists(steps, max_size=10))
def test_without_records_it_goes_to_what_is_warm_or_nowhere(history: list[tuple[str, int]]) -> None:
    story = Story()
    for action, operand in history:
        story.do(action, operand)
    expected, states = story.choice(), story.states()
    story.world.records.clear()

    found = story.choice()

    assert found in (expected, None)
    if expected is not None and states.get(expected.number) is ReleaseState.RETIRED:
        now = story.serving()
        is_older = expected.number < now.number and generation(expected) < generation(now)
        assert found == (expected if is_older else None), "one may have fled from what is newer"


def generation(release: Release) -> int:
    return release.rollback_of or release.number


def told(story: Story, *actions: str) -> Story:
    """Carry out rollouts (a digit), and rollbacks (`back`, or `to 3`)."""
    for action in actions:
        if action.isdigit():
            story.roll_out(int(action))
        elif action == "back":
            story.roll_back()
        else:
            story.roll_back_to(int(action.removeprefix("to ")))
    return story


@pytest.mark.parametrize(
    ("history", "goes_to"),
    [
        (("1", "2", "back", "3"), 1),
        (("1", "2", "back", "3", "4"), 3),
        (("1", "2", "3", "back"), 1),
        (("1", "2", "3", "back", "4"), 2),
        (("1", "2", "back", "to 2"), 1),
        (("1", "2", "3", "to 1", "to 3"), 1),
        (("1", "2", "3", "to 1"), None),
        (("1", "2", "1"), 2),
        (("1", "2", "1", "back"), 1),
    ],
)
def test_it_goes_to_what_served_before_what_serves(history: tuple[str, ...], goes_to: int | None) -> None:
    found = told(Story(), *history).choice()
    assert (found and found.revision.commit) == (goes_to and commit(goes_to))


def test_what_was_fled_from_does_not_come_back_and_what_served_before_is_warm() -> None:
    story = told(Story(), "1", "2", "back", "3")
    assert {number: state.value for number, state in story.states().items()}.items() >= {
        1: "retired",
        3: "serving",
    }.items()
    story.roll_back()
    assert story.serving().number == 1


def test_the_same_again_by_force_keeps_what_was_before_it_warm() -> None:
    story = told(Story(), "1", "2")
    story.roll_out(2, force=True)
    assert {number for number, state in story.states().items() if state is ReleaseState.RETIRED} == {1}
    story.roll_back()
    assert story.serving().number == 1


def test_a_switch_that_is_not_confirmed_yet_is_on_top() -> None:
    story = told(Story(), "1", "2")
    *before, last = story.world.records["a"].values()
    under_way = last.model_copy(update={"outcome": None})
    assert served.stack([*before, under_way], story.live()) == served.stack([*before, last], story.live())


def test_an_address_that_was_moved_by_hand_is_believed() -> None:
    story = told(Story(), "1", "2")
    story.world.serving["a"] = 1
    assert story.choice() is None, "one that was left by hand is not come back to"
    story.roll_out(3)
    choice = story.choice()
    assert choice is not None and choice.number == 1


WARM = {"after a redeploy": ("1", "2"), "after a rollback and a redeploy": ("1", "2", "back", "3")}


@pytest.mark.parametrize("history", WARM.values(), ids=WARM)
def test_without_any_record_the_warm_release_serves_again(history: tuple[str, ...]) -> None:
    story = told(Story(), *history)
    story.world.records.clear()
    story.roll_back()
    assert story.serving().number == 1


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_one_record_that_is_gone_matters_only_to_what_has_drained(lost: int) -> None:
    story = told(Story(), "1", "2", "3")
    records = list(story.world.records["a"])
    del story.world.records["a"][records[lost]]
    choice = story.choice()
    assert choice is not None and choice.number == 2


def test_without_records_it_is_said_that_there_is_nothing_and_a_number_still_leads_there() -> None:
    story = told(Story(), "1", "2", "back")
    story.world.records.clear()
    with pytest.raises(BadInput, match="no earlier release"):
        roll_back(engine(story.world), request(action="rollback"), None)
    record = roll_back(engine(story.world), request(action="rollback"), 2)
    assert (record.outcome, story.serving().number) == (Outcome.DONE, 2)
    story.world.records.clear()
    roll_back(engine(story.world), request(action="rollback"), None)
    assert story.serving().number == 1


def test_where_nothing_serves_and_nothing_is_on_record_the_one_that_served_last_comes_back() -> None:
    story = told(Story(), "1", "2", "back")
    story.world.records.clear()
    del story.world.serving["a"]
    roll_back(engine(story.world), request(action="rollback"), None)
    assert story.serving().number == 1


def test_a_number_is_not_used_again_and_a_rejected_commit_still_never_serves() -> None:
    story = told(Story(), "1", "2")
    story.world.records.clear()
    with pytest.raises(PlaygroundError):
        story.roll_out(BAD)
    assert story.serving().number == 2
    story.roll_out(3)
    assert story.serving().number > 2


def test_a_ref_is_not_followed_to_what_was_fled_from_because_records_are_gone() -> None:
    story = told(Story(), "1", "2", "back")
    target = FakeTarget(story.world)
    leads_to_it = Revision(repository=A.repository, commit=commit(2), ref="main")
    story.world.records.clear()
    assert not redeploy.has_moved(target, "a", target.records("a"), leads_to_it)
    further = leads_to_it.model_copy(update={"commit": commit(3)})
    assert redeploy.has_moved(target, "a", target.records("a"), further)


def test_health_tells_of_what_serves_without_a_record_and_its_remedy_helps() -> None:
    configuration = read("code_locations: [{name: a, repo: {url: https://git.test/a.git}}]", Path("x.yaml"))
    story = told(Story(), "1", "2")

    def untidy() -> list[str]:
        found = examine(FakeTarget(story.world), configuration).report["a"]
        assert [one for topic, several in found.items() if topic.is_urgent for one in several] == []
        return [one.sentence() for several in found.values() for one in several if "record" in one.observed]

    assert untidy() == []
    story.world.records.clear()
    (told_of,) = untidy()
    assert "`rollback a --to 2` moves nothing" in told_of
    roll_back(engine(story.world), request(action="rollback"), 2)
    assert untidy() == []
    (record,) = story.world.records["a"].values()
    assert (record.outcome, record.release, record.warnings) == (
        Outcome.DONE,
        story.serving(),
        (served.LOST,),
    )


def test_a_record_that_is_written_again_after_a_rollback_is_no_way_back_to_what_was_fled_from() -> None:
    story = told(Story(), "1", "2", "back")
    second = list(story.world.records["a"])[1]
    story.world.records["a"] = {second: story.world.records["a"][second]}
    roll_back(engine(story.world), request(action="rollback"), 1)
    assert len(story.world.records["a"]) == 2
    assert story.choice() is None
