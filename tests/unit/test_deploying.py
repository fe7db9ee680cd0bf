"""A deploy and those who look at the stack meanwhile: its mark, its limits, and what it explains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from playground_ops.checks.topic import Topic
from playground_ops.config import OPS, Configuration
from playground_ops.core.component import Component, ComponentStatus, Deploying
from playground_ops.core.model import Location
from playground_ops.core.progress import SilentProgress
from playground_ops.engine import apply
from playground_ops.engine.context import Asker, Engine
from playground_ops.engine.health.examine import EXPLAINS_SECONDS, examine
from playground_ops.targets.kubernetes.api.credentials import Access
from playground_ops.targets.kubernetes.objects import deploy_mark
from playground_ops.targets.kubernetes.releases import leases
from tests.apiserver import Server, Written
from tests.fakes import BROKEN, GOOD, FakeTarget, Killed, World
from tests.unit.test_health import CONFIGURATION, Well, told

FIRST, BAD = "1" * 40, "bad0" * 10
A = Location(name="a", repository="/pipelines", ref="main")


class Deployed(FakeTarget):
    """A stack whose location `a` and `ops` are to be rolled out for the first time, with other limits."""

    def __init__(self, world: World, kill_at: int | None = None) -> None:
        super().__init__(world, kill_at)
        names = ("ops", "a")
        self.stack.wanted = [Component(name=name, kind="location", settings={"c": "1"}) for name in names]
        self.stack.limits_change = True
        self.limits: list[Sequence[str]] = []
        """The limits in force at each start of a release."""

    def start(self, release: Any, say: Any) -> None:
        self.limits.append(self.world.limits)
        super().start(release, say)


def a_world(**heads: str) -> World:
    return World(heads={"ops": FIRST, "a": FIRST, **heads}, behaviour={FIRST: GOOD, BAD: BROKEN})


def deploy(target: FakeTarget) -> apply.Deployed:
    configuration = Configuration(source="x", locations=(A,), ops=OPS.model_copy(update={"repository": "/o"}))
    engine = Engine(target, SilentProgress(), target.world.clock)
    return apply.deploy(engine, configuration, lambda _: SilentProgress(), Asker("ada", "deploy"))


def test_limits_are_wide_for_the_rollouts_and_narrow_after_them() -> None:
    target = Deployed(a_world())
    assert deploy(target).failures == ()
    assert target.limits == [("before", "after")] * 2
    assert target.world.limits == ("after",)
    assert target.world.deploy is None


def test_a_location_that_fails_does_not_keep_them_wide() -> None:
    target = Deployed(a_world(a=BAD))
    assert [name for name, _ in deploy(target).failures] == ["a"]
    assert target.world.limits == ("after",)


def test_where_ops_fails_what_serves_acts_on_what_was_before_and_health_names_it() -> None:
    target = Deployed(a_world(ops=BAD))
    assert [name for name, _ in deploy(target).failures] == ["ops"]
    assert target.world.limits == ("before", "after")
    assert target.world.deploy is not None
    assert not target.world.deploy.is_alive


@pytest.mark.parametrize("kill_at", [3, 9, 15])
def test_one_that_was_killed_is_known_and_the_next_one_ends_it(kill_at: int) -> None:
    world = a_world()
    with pytest.raises(Killed):
        deploy(Deployed(world, kill_at))
    assert world.deploy is not None
    assert not world.deploy.is_alive
    world.limits = world.limits[:2]
    again = Deployed(world)
    again.stack.limits_change = False
    deploy(again)
    assert (world.limits, world.deploy) == (("after",), None)


def test_where_nothing_is_left_to_do_the_mark_of_a_dead_one_goes() -> None:
    target = Deployed(a_world())
    target.world.deploy = Deploying(by="ada", since="t", is_alive=False)
    target.stack.live, target.stack.limits_change = target.stack.wanted, False
    assert deploy(target).plan.is_empty
    assert target.world.deploy is None


@pytest.fixture
def target() -> Well:
    """A stack of which the webserver is being replaced, and which differs from its configuration."""
    made = Well()
    there = [*made.stack.component_status()]
    down = ComponentStatus(name="webserver", kind="webserver", ready=False, message="its pod to be made")
    made.stack.component_status = lambda: [down, *there[1:]]  # type: ignore[method-assign]
    made.stack.live = [made.stack.live[0].model_copy(update={"settings": {"port": "1"}}), made.stack.live[1]]
    return made


def ago(seconds: float) -> str:
    return (datetime.now(timezone.utc) - timedelta(seconds=seconds)).isoformat()


def test_a_deploy_that_is_under_way_is_no_alarm(target: Well) -> None:
    bad = [("webserver", "healthy"), ("webserver", "as_configured")]
    assert [one[:2] for one in told(examine(target, CONFIGURATION).report)] == bad
    target.world.deploy = Deploying(by="ada", since=ago(60))
    looked = examine(target, CONFIGURATION).folded
    assert looked.worst == []
    assert "A deploy by ada is under way since" in str(looked.meanwhile())
    for name, topic in bad:
        assert (name, Topic(topic)) in looked.because


def test_it_does_not_hide_an_outage_for_longer_than_components_take(target: Well) -> None:
    target.world.deploy = Deploying(by="ada", since=ago(EXPLAINS_SECONDS + 60))
    assert [name for name, _, _ in examine(target, CONFIGURATION).folded.worst] == ["webserver"] * 2


def test_one_that_did_not_come_to_its_end_is_told() -> None:
    target = Well()
    target.world.deploy = Deploying(by="ada", since=ago(60), is_alive=False)
    ((name, topic, finding),) = examine(target, CONFIGURATION).folded.worst
    assert (name, topic.value, finding.object) == ("foundation", "as_configured", "stack")
    assert "did not come to its end" in finding.observed


@pytest.fixture
def written() -> Iterator[Written]:
    yield Written()


def test_the_mark_in_a_cluster_names_who_deploys_and_is_gone_at_the_end(written: Written) -> None:
    person, ops = Server(written), Server(written, Access.OPS)
    assert deploy_mark.under_way(ops, "team") is None
    with deploy_mark.marked(person, "team", "ada@laptop", lambda: False):
        mark = deploy_mark.under_way(ops, "team")
        assert mark is not None
        assert (mark.by, mark.is_alive) == ("ada@laptop", True)
        with deploy_mark.marked(ops, "team", "run 1", lambda: False):
            still = deploy_mark.under_way(ops, "team")
            assert still is not None
            assert still.by == "ada@laptop", "its own deploy is a part of the person's"
        assert deploy_mark.under_way(ops, "team") is not None
    assert deploy_mark.under_way(ops, "team") is None


def test_a_person_s_dead_deploy_is_ended_by_a_person_alone(written: Written) -> None:
    person, ops = Server(written), Server(written, Access.OPS)
    for connection in (ops, person):
        leases.taken_over(
            connection, "team", deploy_mark.INSIDE if connection.is_ops else deploy_mark.OUTSIDE, "x"
        )
    written.ahead = timedelta(seconds=leases.LEASE_SECONDS + 1)
    with deploy_mark.marked(ops, "team", "run 2", lambda: False):
        pass
    left = deploy_mark.under_way(ops, "team")
    assert left is not None
    assert not left.is_alive
    with deploy_mark.marked(person, "team", "bob", lambda: False):
        assert deploy_mark.under_way(ops, "team").by == "bob"  # type: ignore[union-attr]
    assert deploy_mark.under_way(ops, "team") is None


def test_of_two_deploys_the_later_one_has_the_mark_and_what_is_left_wide_keeps_it(written: Written) -> None:
    one, other = Server(written), Server(written)
    with (
        deploy_mark.marked(one, "team", "ada", lambda: False),
        deploy_mark.marked(other, "team", "bob", lambda: True),
    ):
        pass
    left = deploy_mark.under_way(one, "team")
    assert left is not None
    assert (left.by, left.is_alive) == ("bob", False)
