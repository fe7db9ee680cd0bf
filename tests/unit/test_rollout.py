"""The engine against the fake target: what happens to a location, step by step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from playground_ops.config.digest import CONFIRMED, desired_settings, digest, location_component
from playground_ops.core.checkout import Checkout
from playground_ops.core.errors import BadInput, FindingKind, LockHeld, RolloutFailed
from playground_ops.core.loaded import Defined
from playground_ops.core.model import (
    InImage,
    Location,
    Outcome,
    Phase,
    Release,
    ReleaseState,
    Revision,
    RolloutRecord,
    Verdict,
)
from playground_ops.core.pod_settings import PodSettings
from playground_ops.core.progress import RolloutCancelled, SilentProgress, WatchLeft
from playground_ops.engine.approval import decide
from playground_ops.engine.context import Engine, Request, Timeouts
from playground_ops.engine.rollback import promote, roll_back
from playground_ops.engine.rollout import roll_out
from playground_ops.targets.common.sources import image_revision
from tests import fakes
from tests.fakes import FakeTarget, World
from tests.reviewing import Reviewer

A = Location(name="a", repository="https://git.test/a.git", ref="main", startup_timeout_seconds=30)


def commit(digit: int) -> str:
    return f"{digit:040x}"


def engine(world: World, progress: SilentProgress | None = None) -> Engine:
    return Engine(FakeTarget(world), progress or SilentProgress(), world.clock)


def request(**fields: object) -> Request:
    return Request(**{"location": A, "configuration": "digest", "by": "test", **fields})  # type: ignore[arg-type]


def staying(world: World) -> list[int]:
    """Return releases that do not drain: one that served for seconds may have been given runs."""
    draining = world.draining.get("a", set())
    return [number for number in world.releases["a"] if number not in draining]


def deployed(world: World, *digits: int) -> World:
    for digit in digits:
        world.heads["a"] = commit(digit)
        roll_out(engine(world), request())
    return world


def test_a_first_rollout_serves_the_commit_and_leaves_a_record() -> None:
    world = World(heads={"a": commit(1)})

    record = roll_out(engine(world), request())

    assert record.outcome is Outcome.DONE
    assert world.serving == {"a": 1}
    assert world.serving_release("a").revision.commit == commit(1)  # type: ignore[union-attr]
    assert list(world.records["a"].values()) == [record]
    assert set(record.durations) == {phase.value for phase in Phase} - {
        Phase.WATCH.value,
        Phase.APPROVE.value,
    }


def test_what_its_checkout_tells_is_on_record_and_with_what_serves() -> None:
    told = Checkout(subject="Prices", author="Eve", warnings=("2 pointers",))
    world = World(heads={"a": commit(1)}, checkouts={commit(1): told})

    record = roll_out(engine(world), request())

    serving = world.serving_release("a")
    assert serving is not None and record.release is not None and record.revision is not None
    for revision in (record.revision, record.release.revision, serving.revision):
        assert (revision.subject, revision.author) == ("Prices", "Eve")
    assert record.warnings == ("2 pointers",)
    assert list(world.records["a"].values()) == [record]


@pytest.mark.parametrize("behaviour", [fakes.BROKEN, fakes.REFUSES, fakes.HANGS])
def test_that_of_a_candidate_which_fails_is_on_record_too(behaviour: str) -> None:
    told = Checkout(subject="Prices", author="Eve", warnings=("2 pointers",))
    world = World(heads={"a": commit(1)}, checkouts={commit(1): told}, behaviour={commit(1): behaviour})

    with pytest.raises(RolloutFailed):
        roll_out(engine(world), request())

    (record,) = world.records["a"].values()
    assert record.revision is not None
    assert (record.revision.subject, record.revision.author) == ("Prices", "Eve")
    assert record.warnings == ("2 pointers",), "once"
    assert world.releases["a"] == {}


def test_the_second_rollout_keeps_the_first_release_warm_and_drains_older_ones() -> None:
    world = deployed(World(), 1, 2, 3)

    states = {live.release.number: live.state for live in FakeTarget(world).releases("a")}

    assert states == {
        1: ReleaseState.DRAINING,
        2: ReleaseState.RETIRED,
        3: ReleaseState.SERVING,
    }


def test_a_webserver_that_missed_the_switch_is_told_to_look_again() -> None:
    world = deployed(World(heads={"a": commit(1)}, misses_switches=True), 1, 2)
    assert world.records["a"].popitem()[1].outcome is Outcome.DONE
    assert (world.serving["a"], world.verbs.count("reload")) == (2, 1)


def test_the_same_commit_again_changes_nothing_and_writes_nothing() -> None:
    world = deployed(World(), 1)
    before = list(world.verbs)

    record = roll_out(engine(world), request())

    assert record.outcome is Outcome.UNCHANGED
    assert [verb for verb in world.verbs[len(before) :] if verb not in ("start", "keep")] == []


@pytest.mark.parametrize(
    "behaviour",
    [
        fakes.BROKEN,
        fakes.HANGS,
        fakes.DIES_AFTER_SWITCH,
        fakes.WRONG_COMMIT,
        fakes.NEVER_SHOWN,
        fakes.REFUSES,
    ],
)
def test_a_bad_candidate_leaves_the_serving_release_and_explains_itself(behaviour: str) -> None:
    world = deployed(World(), 1)
    world.heads["a"] = commit(2)
    world.behaviour[commit(2)] = behaviour

    with pytest.raises(RolloutFailed) as failed:
        roll_out(engine(world), request())

    assert failed.value.finding.observed
    assert world.serving == {"a": 1}
    assert staying(world) == [1], "the candidate is gone"
    last = list(world.records["a"].values())[-1]
    assert last.outcome is Outcome.FAILED
    assert last.finding == failed.value.finding
    assert last.log_tail == "the last words of a-2", "the evidence was kept before the candidate was removed"


def test_a_first_release_that_fails_leaves_nothing_at_the_address() -> None:
    world = World(heads={"a": commit(1)}, behaviour={commit(1): fakes.DIES_AFTER_SWITCH})

    with pytest.raises(RolloutFailed):
        roll_out(engine(world), request())

    assert world.serving == {}
    assert world.releases["a"] == {}


def test_a_certain_failure_rejects_the_commit_until_somebody_forces_it() -> None:
    world = deployed(World(), 1)
    world.heads["a"] = commit(2)
    world.behaviour[commit(2)] = fakes.BROKEN
    with pytest.raises(RolloutFailed):
        roll_out(engine(world), request())
    started = world.verbs.count("start")

    with pytest.raises(RolloutFailed, match="was rejected at"):
        roll_out(engine(world), request())
    # one more start at most: making sure that what serves runs
    assert world.verbs.count("start") <= started + 1

    world.behaviour[commit(2)] = fakes.GOOD
    record = roll_out(engine(world), request(force=True))
    assert record.outcome is Outcome.DONE


def test_another_configuration_is_another_pair() -> None:
    world = deployed(World(), 1)
    world.heads["a"] = commit(2)
    world.behaviour[commit(2)] = fakes.BROKEN
    with pytest.raises(RolloutFailed):
        roll_out(engine(world), request())
    world.behaviour[commit(2)] = fakes.GOOD

    assert roll_out(engine(world), request(configuration="other")).outcome is Outcome.DONE


def test_a_passing_fault_is_retried() -> None:
    world = World(heads={"a": commit(1)}, resolve_failures=3)

    assert roll_out(engine(world), request()).outcome is Outcome.DONE
    assert world.clock.now >= 1 + 2 + 4


def test_a_lock_that_nobody_can_give_for_a_moment_is_asked_for_again() -> None:
    world = World(heads={"a": commit(1)}, lock_failures=3)

    assert roll_out(engine(world), request()).outcome is Outcome.DONE
    assert world.clock.now >= 1 + 2 + 4


def test_a_passing_fault_is_given_up_at_the_deadline_and_not_held_against_the_commit() -> None:
    world = deployed(World(), 1)
    world.heads["a"], world.resolve_failures = commit(2), 1000

    with pytest.raises(Exception, match="network is down"):
        roll_out(engine(world), request())

    assert world.clock.now < 70
    world.resolve_failures = 0
    assert roll_out(engine(world), request()).outcome is Outcome.DONE


def test_a_server_that_hangs_is_given_its_location_s_time_and_no_more() -> None:
    world = World(heads={"a": commit(1)}, behaviour={commit(1): fakes.HANGS})

    with pytest.raises(RolloutFailed, match="did not answer within 30 s"):
        roll_out(engine(world), request())

    assert 30 <= world.clock.now < 36


REVIEWED = A.model_copy(update={"approval": "manual", "approval_timeout_seconds": 60})


def reviewed(verdict: Verdict | None, **more: object) -> tuple[World, RolloutRecord]:
    world = deployed(World(), 1)
    world.heads["a"] = commit(2)
    try:
        asked = request(location=REVIEWED, **more)
        return world, roll_out(engine(world, Reviewer(FakeTarget(world), verdict)), asked)
    except RolloutFailed:
        return world, list(world.records["a"].values())[-1]


def test_a_candidate_goes_on_when_somebody_approves_it() -> None:
    world, record = reviewed(Verdict(approved=True, by="ada", reason="looks good"))
    assert (world.serving["a"], record.approved_by) == (2, "ada: looks good")
    assert "awaiting approval" in record.durations


def test_a_candidate_that_is_rejected_never_serves_and_is_not_tried_again() -> None:
    world, record = reviewed(Verdict(approved=False, by="ada", reason="not today"))
    assert world.serving["a"] == 1
    assert record.finding is not None
    assert (record.finding.kind, "not today" in record.finding.observed) == (FindingKind.CERTAIN, True)
    assert set(world.releases["a"]) == {1}
    with pytest.raises(RolloutFailed, match="was rejected at"):
        roll_out(engine(world), request(location=REVIEWED))


def test_nobody_says_anything_until_the_deadline() -> None:
    world, record = reviewed(None)
    assert world.serving["a"] == 1
    assert record.finding is not None
    assert record.finding.kind is FindingKind.TRANSIENT
    assert 60 <= record.durations["awaiting approval"] < 65


def test_a_first_release_and_a_rollback_wait_for_nobody() -> None:
    world = World(heads={"a": commit(1)})
    assert roll_out(engine(world), request(location=REVIEWED)).outcome is Outcome.DONE
    world.heads["a"] = commit(2)
    roll_out(engine(world), request())
    assert (
        roll_back(engine(world), request(location=REVIEWED, action="rollback"), None).outcome is Outcome.DONE
    )


def test_a_word_about_nothing_that_waits_is_bad_input() -> None:
    world = deployed(World(), 1)
    with pytest.raises(BadInput, match="No candidate"):
        decide(FakeTarget(world), "a", Verdict(approved=True, by="ada"))


def test_cancelling_removes_the_candidate_and_says_so() -> None:
    class Impatient(SilentProgress):
        def __init__(self) -> None:
            self.asked_to_stop = False

        def phase(self, phase: Phase, message: str) -> None:
            self.asked_to_stop = phase is Phase.VERIFY

        def check(self) -> None:
            if self.asked_to_stop:
                raise RolloutCancelled

    world = deployed(World(), 1)
    world.heads["a"] = commit(2)

    with pytest.raises(RolloutCancelled):
        roll_out(engine(world, Impatient()), request())

    assert world.serving == {"a": 1}
    assert list(world.releases["a"]) == [1]
    assert list(world.records["a"].values())[-1].outcome is Outcome.CANCELLED


def test_a_second_rollout_of_one_location_says_who_holds_the_lock() -> None:
    world = deployed(World(), 1)
    world.locks["a"] = "somebody else"

    with pytest.raises(LockHeld, match="somebody else"):
        roll_out(engine(world), request())


def test_rollback_goes_to_the_warm_release_without_starting_anything() -> None:
    world = deployed(World(), 1, 2)
    starts = world.verbs.count("start")

    record = roll_back(engine(world), request(action="rollback"), None)

    assert record.outcome is Outcome.DONE
    assert world.serving == {"a": 1}
    assert world.verbs.count("start") == starts + 1, "only what served was made sure to run"


def test_a_rollback_where_nothing_serves_brings_back_what_served_last() -> None:
    """Somebody deleted it by hand."""
    world = deployed(World(), 1, 2)
    world.releases["a"], world.serving = {}, {}

    record = roll_back(engine(world), request(action="rollback"), None)

    assert record.release is not None
    assert record.release.revision.commit == commit(2)
    assert world.serving == {"a": record.release.number}


def test_rolling_back_twice_goes_back_twice_as_far_and_never_to_what_one_fled_from() -> None:
    world = deployed(World(), 1, 2, 3)

    roll_back(engine(world), request(action="rollback"), None)
    roll_back(engine(world), request(action="rollback"), None)

    now = world.serving_release("a")
    assert now is not None
    assert now.revision.commit == commit(1)


def test_rollback_to_a_release_that_never_served_is_bad_input() -> None:
    world = deployed(World(), 1)

    with pytest.raises(BadInput, match="no release 7"):
        roll_back(engine(world), request(action="rollback"), 7)
    with pytest.raises(BadInput, match="no earlier release"):
        roll_back(engine(world), request(action="rollback"), None)


def test_a_rollback_that_is_not_confirmed_returns_to_what_served() -> None:
    world = deployed(World(), 1, 2)
    world.behaviour[commit(1)] = fakes.NEVER_SHOWN

    with pytest.raises(RolloutFailed):
        roll_back(engine(world), request(action="rollback"), None)

    assert world.serving == {"a": 2}


B = Location(
    name="b",
    repository="ssh://git@git.test/a",
    git_secret="key",
    automation="off",
    subdirectory="x",
    module="m",
)


def desired(location: Location, serving: Release | None) -> dict[str, str]:
    return {
        **desired_settings(location, None, serving),
        "process": "running",
        "rollout": CONFIRMED,
    }


def test_promote_brings_the_commit_and_keeps_the_destination_s_own_settings() -> None:
    world = deployed(World(), 1)

    asked = request(location=B, configuration=digest(B), action="promote")
    promote(engine(world), asked, "a")

    release = world.serving_release("b")
    assert release is not None
    assert release.location == B
    assert (release.revision.commit, release.revision.repository) == (commit(1), B.repository)
    assert location_component(release, "running", CONFIRMED).settings == desired(B, release), "no deviation"
    assert promote(engine(world), asked, "a").outcome is Outcome.UNCHANGED


def test_a_commit_that_the_destination_s_repository_lacks_is_refused_with_both_names() -> None:
    world = deployed(World(), 1)
    world.lacking["ssh://git@git.test/a"] = {commit(1)}
    asked = request(location=B, configuration="b-digest", action="promote")

    with pytest.raises(RolloutFailed) as refused:
        promote(engine(world), asked, "a")

    told = refused.value.finding.sentence()
    assert "The commit that a serves is not in ssh://git@git.test/a." in told
    assert "a has it from https://git.test/a.git." in told
    (record,) = world.records["b"].values()
    assert (record.outcome, record.finding) == (Outcome.FAILED, refused.value.finding)
    world.lacking.clear()
    assert promote(engine(world), asked, "a").outcome is Outcome.DONE, "somebody has pushed it"


def test_a_location_without_a_repository_serves_what_is_promoted_to_it_until_it_is_configured_anew() -> None:
    private = A.model_copy(update={"git_secret": "key"})
    bare = Location(name="b")
    world = World(heads={"a": commit(1)})
    roll_out(engine(world), request(location=private))

    promote(engine(world), request(location=bare, configuration=digest(bare), action="promote"), "a")

    release = world.serving_release("b")
    assert release is not None
    assert (release.location.repository, release.location.git_secret) == (A.repository, "key")
    live = location_component(release, "running", CONFIRMED).settings
    assert live == desired(bare, release), "no deviation"
    for changed in ({"automation": "off"}, {"repository": "https://git.test/b.git"}):
        assert live != desired(bare.model_copy(update=changed), release)


def test_what_is_no_commit_is_not_promoted_to_a_location_with_a_repository() -> None:
    image = InImage(image="registry/a:1")
    world = World()
    asked = request(location=Location(name="c", in_image=image), revision=image_revision(image))
    roll_out(engine(world), asked)
    with pytest.raises(BadInput, match="the image registry/a:1, and no commit"):
        promote(engine(world), request(location=B, configuration="2", action="promote"), "c")


def test_promote_brings_an_image_too_and_takes_one_away() -> None:
    image = InImage(image="registry/a:1")
    pod = PodSettings(image=image.image, node_selector={"disk": "fast"})
    b = Location(name="b", in_image=image, pod=pod)
    world = deployed(World(), 1)
    roll_out(engine(world), request(location=b, revision=image_revision(image)))

    promote(engine(world), request(location=b, configuration="2", action="promote"), "a")

    release = world.serving_release("b")
    assert release is not None
    assert (release.location.in_image, release.location.repository) == (None, A.repository)
    assert release.location.pod == PodSettings(node_selector={"disk": "fast"})


def test_a_ref_has_moved_only_when_it_leads_somewhere_it_did_not_lead_before() -> None:
    from playground_ops.core.decisions import has_moved

    world = deployed(World(), 1, 2)
    roll_back(engine(world), request(action="rollback"), None)
    records: list[RolloutRecord] = list(world.records["a"].values())

    def leads_to(digit: int) -> Revision:
        return Revision(repository=A.repository, commit=commit(digit), ref="main")

    assert not has_moved(records, leads_to(2)), "what one rolled back from is not rolled out again by itself"
    assert has_moved(records, leads_to(3))


def test_an_unforeseen_error_is_recorded_and_cleaned_up_too() -> None:
    world = deployed(World(), 1)
    world.heads["a"] = commit(2)
    target = FakeTarget(world)
    target.smoke = lambda release, say: 1 / 0  # type: ignore[method-assign,assignment,return-value]

    with pytest.raises(RolloutFailed, match="ZeroDivisionError"):
        roll_out(Engine(target, SilentProgress(), world.clock), request())

    last = list(world.records["a"].values())[-1]
    assert last.finding is not None
    assert last.finding.kind is FindingKind.TRANSIENT
    assert world.serving == {"a": 1}
    assert list(world.releases["a"]) == [1]


def test_it_waits_for_another_rollout_as_long_as_patience_has_it() -> None:
    world = World(heads={"a": "1" * 40})
    world.locks["a"] = "somebody"
    lines: list[str] = []

    class Telling(SilentProgress):
        def say(self, message: str) -> None:
            lines.append(message)
            if "somebody" in message:
                world.locks.pop("a")  # the other one ends

    engine = Engine(FakeTarget(world), Telling(), world.clock, Timeouts(lock=5.0))
    location = Location(name="a", repository="/r")
    request = Request(location=location, configuration="c", by="me")
    assert roll_out(engine, request).outcome is Outcome.DONE
    assert lines[0].startswith("waiting up to 5 s: held by somebody")

    world.locks["a"] = "somebody who stays"
    quiet = Engine(FakeTarget(world), SilentProgress(), world.clock, Timeouts(lock=5.0))
    began = world.clock.monotonic()
    with pytest.raises(LockHeld, match="somebody who stays"):
        roll_out(quiet, request)
    assert 5.0 <= world.clock.monotonic() - began < 6.0


def test_a_rollback_does_not_go_to_an_earlier_release_of_the_same_commit() -> None:
    world = deployed(World(), 1, 2)
    roll_back(engine(world), request(), None)
    deployed(world, 2)  # release 3, at the commit that was rolled back
    record = roll_back(engine(world), request(), None)
    assert record.release is not None
    assert record.release.revision.commit == commit(1)


@pytest.mark.parametrize("kept", [("asset",), ("schedule", "asset"), ()])
def test_a_commit_that_takes_away_what_must_be_kept_is_refused_unless_forced(kept: tuple[str, ...]) -> None:
    world = deployed(World(), 1)
    world.defined[commit(1)] = [Defined(kind="asset", name="prices"), Defined(kind="job", name="load")]
    world.heads["a"] = commit(2)
    location = A.model_copy(update={"must_keep": kept})

    if kept:
        with pytest.raises(RolloutFailed, match="asset prices") as refused:
            roll_out(engine(world), request(location=location))
        assert "job load" not in refused.value.finding.observed
        assert world.serving == {"a": 1}

    assert roll_out(engine(world), request(location=location, force=True)).outcome is Outcome.DONE


def test_a_serving_release_that_does_not_answer_keeps_no_rollout_back() -> None:
    world = deployed(World(), 1)
    world.behaviour[commit(1)] = fakes.REFUSES
    world.heads["a"] = commit(2)
    location = A.model_copy(update={"must_keep": ("asset",)})

    record = roll_out(engine(world), request(location=location))

    assert record.outcome is Outcome.DONE
    assert "nobody knows what would be lost" in record.warnings[0]


WATCHING = Timeouts(watch=10.0)


def watching(world: World) -> Engine:
    return Engine(FakeTarget(world), SilentProgress(), world.clock, WATCHING)


def test_a_release_that_took_another_ones_place_is_watched_before_that_one_may_go() -> None:
    world = deployed(World(), 1)
    world.heads["a"] = commit(2)
    record = roll_out(watching(world), request())
    assert record.durations[Phase.WATCH.value] >= WATCHING.watch
    assert world.serving == {"a": 2}


def test_a_first_release_and_a_rollback_to_a_warm_one_are_not_watched() -> None:
    world = World(heads={"a": commit(1)})
    assert Phase.WATCH.value not in roll_out(watching(world), request()).durations
    deployed(world, 2)
    assert Phase.WATCH.value not in roll_back(watching(world), request(), None).durations


@pytest.mark.parametrize("behaviour", [fakes.TICKS_BADLY, fakes.DIES_WHILE_WATCHED, fakes.REPLACED])
def test_what_goes_wrong_while_it_is_watched_brings_the_one_before_back(behaviour: str) -> None:
    world = deployed(World(), 1)
    world.heads["a"] = commit(2)
    world.behaviour[commit(2)] = behaviour
    with pytest.raises(RolloutFailed):
        roll_out(watching(world), request())
    assert world.serving == {"a": 1}
    assert staying(world) == [1]
    assert list(world.records["a"].values())[-1].log_tail == "the last words of a-2"


def test_a_person_who_leaves_the_watch_leaves_what_serves() -> None:
    class Leaving(SilentProgress):
        def __init__(self) -> None:
            self.told = 0.0

        def serves(self, release: Release, seconds: float) -> None:
            self.told = seconds

        def check(self) -> None:
            if self.told:
                raise WatchLeft

    world = deployed(World(), 1)
    world.heads["a"] = commit(2)
    progress = Leaving()
    record = roll_out(replace(watching(world), progress=progress), request())
    assert progress.told == WATCHING.watch
    assert record.outcome is Outcome.DONE
    assert record.durations[Phase.WATCH.value] < WATCHING.watch
    assert "nobody watches it any more" in record.warnings[0]
    assert world.serving == {"a": 2}


def test_a_daemon_that_is_not_heard_of_is_told_and_not_held_against_the_release() -> None:
    world = deployed(World(silent=["SENSOR"]), 1)
    world.heads["a"] = commit(2)
    record = roll_out(watching(world), request())
    assert record.outcome is Outcome.DONE
    assert [one for one in record.warnings if "not been heard of for two minutes (SENSOR)" in one]


def test_what_failed_before_the_switch_is_not_held_against_it() -> None:
    world = World(behaviour={commit(1): fakes.TICKS_BADLY, commit(2): fakes.TICKS_BADLY})
    deployed(world, 1)
    world.heads["a"] = commit(2)
    assert roll_out(watching(world), request()).outcome is Outcome.DONE


def test_a_missing_secret_is_not_held_against_the_commit() -> None:
    world = deployed(World(), 1)
    world.heads["a"] = commit(2)
    world.behaviour[commit(2)] = fakes.NO_SECRET
    for _ in range(2):
        with pytest.raises(RolloutFailed) as failed:
            roll_out(engine(world), request())
        assert "was rejected" not in failed.value.finding.observed
    world.behaviour[commit(2)] = fakes.GOOD
    assert roll_out(engine(world), request()).outcome is Outcome.DONE


def test_a_release_whose_record_somebody_deleted_stays_warm() -> None:
    world = deployed(World(), 1, 2)
    world.records["a"].clear()
    world.heads["a"] = commit(2)
    assert roll_out(engine(world), request()).outcome is Outcome.UNCHANGED
    assert staying(world) == [1, 2]
