"""Locations that are configured in another deployment than they serve in; removed deployments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from playground_ops.checks.topic import Topic
from playground_ops.config import Configuration, digest, read
from playground_ops.core.component import Component
from playground_ops.core.errors import BadInput, LockHeld, PlaygroundError, RolloutFailed
from playground_ops.core.model import MAIN, Location, Release, ReleaseState, Revision
from playground_ops.core.plan import Change
from playground_ops.core.progress import SilentProgress
from playground_ops.core.relocation import relocations, told
from playground_ops.engine import apply
from playground_ops.engine.context import Asker, Engine
from playground_ops.engine.health.examine import examine
from playground_ops.engine.planning import WHOLE, Asked, make_plan
from playground_ops.engine.rollback import promote, roll_back
from playground_ops.engine.rollout import roll_out
from tests.fakes import NO_SECRET, FakeStack, FakeTarget, World

FIRST, SECOND = "1" * 40, "2" * 40
FORCED = Asked(force=True)
BEFORE = """
deployments: [{name: next}]
code_locations:
  - {name: a, repo: {url: https://git.test/x, ref: main}}
  - {name: b, repo: {url: https://git.test/x, ref: next}}
"""
MOVED = BEFORE.replace("ref: next}}", "ref: next}, deployment: next}")
BACK = """
code_locations:
  - {name: a, repo: {url: https://git.test/x, ref: main}}
  - {name: b, repo: {url: https://git.test/x, ref: next}}
"""
WITHOUT = "code_locations: [{name: a, repo: {url: https://git.test/x, ref: main}}]"


class Recorded(FakeStack):
    """A stack that plans by what serves in the world, and notes the order in which things are done."""

    def __init__(self, world: World, done: list[str]) -> None:
        super().__init__(world)
        self.done = done

    def plan(self, configuration: Configuration) -> Any:
        self.wanted = [
            Component(name=one.name, kind="location", settings={"configuration": digest(one)})
            for one in configuration.locations
        ]
        self.live = [
            Component(name=name, kind="location", settings={"configuration": release.configuration})
            for name in sorted(self.world.serving)
            if (release := self.world.serving_release(name))
        ]
        names = [f"webserver-{name}" for name in configuration.deployment_names[1:]]
        self.wanted += [Component(name=name, kind="webserver", settings={}) for name in names]
        self.live += [Component(name=name, kind="webserver", settings={}) for name in self.done[:1]]
        return super().plan(configuration)

    def component_status(self) -> Sequence[Any]:
        return ()

    def apply(self, configuration: Configuration, whole: Any, changed: Sequence[Change], say: Any) -> None:
        self.done.append("apply")

    def withdraw(self, location: str) -> None:
        self.done.append(f"withdraw {location}")
        super().withdraw(location)


class Stack:
    """A stack as its commands see it: the world goes on, a configuration is given to each."""

    def __init__(self) -> None:
        self.world = World(heads={"a": FIRST, "b": FIRST})
        self.done: list[str] = ["webserver-next"]
        self.deploy(BEFORE)
        self.world.heads |= {"a": SECOND, "b": SECOND}
        del self.done[1:]

    @property
    def engine(self) -> Engine:
        target = FakeTarget(self.world)
        target.stack = Recorded(self.world, self.done)
        return Engine(target, SilentProgress(), self.world.clock)

    def deploy(self, text: str, asked: Asked = WHOLE) -> apply.Deployed:
        asker = Asker("test", "deploy")
        return apply.deploy(self.engine, configured(text), lambda _: SilentProgress(), asker, asked)

    def plan(self, text: str, asked: Asked = WHOLE) -> list[str]:
        return [*make_plan(self.engine, configured(text), asked).notes]

    def serves(self, name: str = "b") -> tuple[str, str] | None:
        """Return the deployment and the commit."""
        found = self.world.serving_release(name)
        return (found.location.deployment, found.revision.commit) if found else None


def configured(text: str) -> Configuration:
    return read(text, Path("x.yaml"))


def location(text: str, name: str = "b") -> Location:
    return next(one for one in configured(text).locations if one.name == name)


@pytest.fixture
def stack() -> Stack:
    return Stack()


def released(deployment: str, **more: Any) -> Release:
    return Release(
        location=Location(name="b", repository="/x", deployment=deployment, **more),
        number=3,
        revision=Revision(repository="/x", commit=FIRST),
        configuration="digest",
        created_at="2030-01-01T00:00:00+00:00",
    )


@pytest.mark.parametrize(
    ("serves", "wanted", "there", "expected"),
    [
        ("main", "main", ["main"], None),
        (
            "main",
            "next",
            ["main", "next"],
            "brought up in next at commit 111111111111; its history stays in main",
        ),
        ("next", "main", ["main"], "brought up in main at commit 111111111111; its history stays in next"),
        ("next", None, ["main", "next"], None),
        ("next", None, ["main"], "b is taken out of deployment next; its history stays in next"),
        ("main", None, ["main"], None),
    ],
)
def test_what_leaves_its_deployment(
    serves: str, wanted: str | None, there: list[str], expected: str | None
) -> None:
    named = {"b": Location(name="b", repository="/x", deployment=wanted)} if wanted else {}
    found = relocations(named, there, [released(serves)])
    assert len(found) == (expected is not None)
    if expected:
        assert expected in told(found[0])


def test_another_ref_is_another_commit() -> None:
    wanted = Location(name="b", repository="/x", ref="other", deployment="next")
    (found,) = relocations({"b": wanted}, ["main", "next"], [released("main")])
    assert (
        told(found) == "b is taken out of deployment main and brought up in next; its history stays in main."
    )


def test_a_location_does_not_change_its_deployment_while_it_serves(stack: Stack) -> None:
    for act in (stack.plan, stack.deploy):
        with pytest.raises(PlaygroundError) as refused:
            act(MOVED)
        found = refused.value.finding
        assert found.observed == "It serves in deployment main; the configuration has it in next."
        assert "another name in next" in found.fix
        assert "`deploy --force`" in found.fix
    assert (stack.serves(), stack.done[1:]) == ((MAIN, FIRST), [])


def test_with_force_it_is_taken_out_first_and_comes_up_at_the_same_commit(stack: Stack) -> None:
    (note,) = stack.plan(MOVED, FORCED)
    assert note.endswith("its history stays in main.")
    assert stack.done[1:] == []
    assert stack.deploy(MOVED, FORCED).failures == ()
    assert stack.done[1:] == ["withdraw b", "apply"]
    assert stack.serves() == ("next", FIRST)
    assert stack.serves("a") == (MAIN, FIRST)
    assert stack.deploy(MOVED).plan.notes == ()


def test_what_did_not_come_up_there_comes_up_by_the_next_deploy(stack: Stack) -> None:
    stack.world.behaviour[FIRST] = NO_SECRET
    assert [name for name, _ in stack.deploy(MOVED, FORCED).failures] == ["b"]
    assert stack.serves() is None
    stack.world.behaviour.clear()
    assert stack.deploy(MOVED).failures == ()
    assert stack.serves() == ("next", FIRST)


def test_a_rollout_of_it_under_way_is_not_cut_off(stack: Stack) -> None:
    stack.world.locks["b"] = "somebody"
    with pytest.raises(LockHeld):
        stack.deploy(MOVED, FORCED)
    assert (stack.serves(), stack.done[1:]) == ((MAIN, FIRST), [])


def test_other_components_alone_would_move_it_too(stack: Stack) -> None:
    with pytest.raises(PlaygroundError, match="It serves in deployment main"):
        stack.deploy(MOVED, Asked(["a"]))
    with pytest.raises(BadInput, match="Name b too"):
        stack.deploy(MOVED, Asked(["a"], force=True))
    assert stack.deploy(MOVED, Asked(["b"], force=True)).failures == ()


@pytest.mark.parametrize("force", [False, True])
def test_a_rollout_does_not_move_it_either(stack: Stack, force: bool) -> None:
    asked = Asker("test").request(location(MOVED), force=force)
    with pytest.raises(RolloutFailed, match="It serves in deployment main; the configuration has it in next"):
        roll_out(stack.engine, asked)
    with pytest.raises(RolloutFailed, match="It serves in deployment main; the configuration has it in next"):
        promote(stack.engine, asked, "a")
    assert stack.serves() == (MAIN, FIRST)


def test_a_rollback_goes_on_where_it_serves_whatever_is_configured(stack: Stack) -> None:
    """Nothing moves by it, and it must be possible at any time."""
    roll_out(stack.engine, Asker("test").request(location(BEFORE)))
    assert stack.serves() == (MAIN, SECOND)
    roll_back(stack.engine, Asker("test").request(location(MOVED)), None)
    assert stack.serves() == (MAIN, FIRST)


def test_nothing_goes_back_to_another_deployment(stack: Stack) -> None:
    roll_out(stack.engine, Asker("test").request(location(BEFORE)))
    stack.deploy(MOVED, FORCED)
    asked = Asker("test").request(location(MOVED))
    with pytest.raises(BadInput, match="no earlier release that served"):
        roll_back(stack.engine, asked, None)
    with pytest.raises(BadInput, match="Release 1 served in deployment main; b is in next now"):
        roll_back(stack.engine, asked, 1)
    live = stack.engine.target.releases("b")
    assert [one.state for one in live] == [ReleaseState.SERVING], "the one of main is not kept warm"
    stack.world.heads["b"] = "3" * 40
    roll_out(stack.engine, asked)
    roll_back(stack.engine, asked, None)
    assert stack.serves() == ("next", SECOND)


def test_a_deployment_is_not_removed_while_a_location_of_it_serves(stack: Stack) -> None:
    stack.deploy(MOVED, FORCED)
    with pytest.raises(PlaygroundError) as refused:
        stack.plan(WITHOUT)
    assert refused.value.finding.observed == "It serves in deployment next, which is no longer configured."
    assert "deploy without b" in refused.value.finding.fix
    with pytest.raises(PlaygroundError, match="no longer configured; the configuration has it in main"):
        stack.plan(BACK)
    taken_out, removed = stack.plan(WITHOUT, FORCED)
    assert taken_out == "b is taken out of deployment next; its history stays in next."
    assert removed.startswith("Deployment next is removed; its history stays")
    assert stack.deploy(WITHOUT, FORCED).failures == ()
    assert stack.serves() is None


def test_one_in_which_nothing_serves_is_removed_and_what_stays_is_told(stack: Stack) -> None:
    same_code, note = stack.plan(BACK)
    assert same_code.startswith("Locations a and b have the same code")
    assert "Deployment next is removed" in note
    assert "deployments/next" in note
    assert stack.deploy(BACK).failures == ()


def test_b_of_the_flat_form_is_told_why_it_is_to_move(stack: Stack) -> None:
    flat = "environment: {repo_url_a: https://git.test/x, repo_url_b: https://git.test/x, repo_ref_b: next}"
    with pytest.raises(PlaygroundError, match="Location b has the repository of a, so it is in a deployment"):
        stack.plan(flat)


def test_health_says_what_to_do_about_it(stack: Stack) -> None:
    (finding,) = examine(stack.engine.target, configured(MOVED)).report["b"][Topic.AS_CONFIGURED]
    assert finding.observed == "It serves in deployment main; the configuration has it in next."


def test_what_serves_the_bootstrap_package_moves_by_any_deploy(stack: Stack) -> None:
    """As A and B do when they get their repositories after the first bootstrap."""
    now = stack.world.serving_release("b")
    assert now is not None
    empty = now.location.model_copy(update={"repository": None, "ref": None})
    stack.world.releases["b"][now.number] = now.model_copy(update={"location": empty})
    (note,) = stack.plan(MOVED)
    assert note.startswith("b is taken out of deployment main and brought up in next")
    with pytest.raises(BadInput, match="Name b too"):
        stack.deploy(MOVED, Asked(["a"]))
    assert stack.deploy(MOVED).failures == ()
    assert stack.done[1:] == ["withdraw b", "apply"]
    serves = stack.serves()
    assert serves is not None
    assert serves[0] == "next"
