"""Automatic repair: what is brought up again, what is left to people, and how often."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from playground_ops.checks.topic import Report, Topic
from playground_ops.config import read
from playground_ops.core.errors import Finding, FindingKind
from playground_ops.core.model import Outcome, Phase, RolloutRecord
from playground_ops.core.progress import SilentProgress
from playground_ops.engine.context import Engine
from playground_ops.engine.healing import heal, healed
from tests.fakes import FakeTarget
from tests.unit.test_health import FILE, Well
from tests.unit.test_rollout import commit

TWICE = read(f"{FILE}\nhealth: {{heal_times: 2}}", Path("x.yaml"))
FINDING = Finding(kind=FindingKind.TRANSIENT, object="location/a", observed="x", cause="y", fix="z")
RED: Report = {"a": {Topic.HEALTHY: [FINDING]}}
LEFT: Report = {"a": {Topic.TIDY: [FINDING]}}


@pytest.fixture
def target() -> Well:
    return Well()


def tended(target: FakeTarget, found: Report, lasting: tuple[str, ...] = ("a",)) -> list[str]:
    engine = Engine(target, SilentProgress(), target.world.clock)
    return heal(lambda name: engine, TWICE, found, lasting)


def die(target: Well) -> None:
    release = target.world.serving_release("a")
    assert release is not None
    target.world.dead.add(release.name)


def test_what_no_longer_answers_is_brought_up_anew_at_the_same_commit(target: Well) -> None:
    before = target.world.serving_release("a")
    die(target)
    assert tended(target, RED) == ["a: release 2 was brought up anew."]
    now = target.world.serving_release("a")
    assert before is not None
    assert now is not None
    assert (now.revision, now.configuration) == (before.revision, before.configuration)
    last = target.records("a")[-1]
    assert (last.action, last.by, last.outcome) == ("heal", "health_check", Outcome.DONE)


def test_what_passed_at_once_is_left_alone(target: Well) -> None:
    die(target)
    assert tended(target, RED, lasting=()) == []
    assert len(target.records("a")) == 1


def test_it_is_done_a_few_times_and_then_left_to_people(target: Well) -> None:
    for _ in range(2):
        die(target)
        assert "brought up anew" in tended(target, RED)[0]
    die(target)
    assert "not mended: that was done 2 times within 60 min" in tended(target, RED)[0]


def test_after_a_rollback_it_is_the_older_commit_and_nobody_follows_back(target: Well) -> None:
    """The configured ref leads to the commit that was rolled back."""
    serving = target.world.serving_release("a")
    assert serving is not None
    target.world.releases["a"][1] = serving.model_copy(update={"rollback_of": 1})
    die(target)
    tended(target, RED)
    now = target.world.serving_release("a")
    assert now is not None
    assert (now.revision.commit, now.rollback_of) == (commit(1), 1)


def test_what_is_left_of_a_dead_rollout_is_removed_and_what_serves_goes_on(target: Well) -> None:
    now = target.world.clock.utc_now()
    target.record(RolloutRecord(location="a", id="ff" * 16, by="ada", started_at=now, phase=Phase.VERIFY))
    assert tended(target, LEFT, lasting=()) == ["a: what was left was put right."]
    assert target.world.serving["a"] == 1
    assert [one.outcome for one in target.records("a")][1:] == [Outcome.INTERRUPTED]


def test_a_location_that_never_served_is_left_to_people(target: Well) -> None:
    target.world.releases["a"], target.world.records["a"] = {}, {}
    del target.world.serving["a"]
    assert tended(target, RED) == []


def test_what_can_not_be_mended_is_told(target: Well) -> None:
    die(target)
    target.world.locks["a"] = "ada"
    (said,) = tended(target, RED)
    assert said.startswith("a: could not be mended: ")
    assert "held by ada" in said


def test_only_what_was_done_within_the_window_counts() -> None:
    now = datetime(2030, 1, 1, 12, tzinfo=timezone.utc)
    records = [
        RolloutRecord(
            location="a",
            id=f"{minutes:032x}",
            by="health_check",
            action=action,  # type: ignore[arg-type]
            started_at=(now - timedelta(minutes=minutes)).isoformat(),
            phase=Phase.RETIRE,
        )
        for minutes, action in ((90, "heal"), (50, "heal"), (40, "redeploy"), (1, "heal"))
    ]
    assert healed(records, now, 60) == 2
