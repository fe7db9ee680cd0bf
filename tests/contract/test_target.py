"""The contract that every Target keeps for the engine: the same tests in every world."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path

import pytest

from playground_ops.checks.files import is_beyond
from playground_ops.checks.room import volume
from playground_ops.checks.topic import Report, Topic
from playground_ops.config import digest, read
from playground_ops.core import decisions
from playground_ops.core.errors import (
    BadInput,
    Finding,
    FindingKind,
    LockHeld,
    PlaygroundError,
    RolloutFailed,
)
from playground_ops.core.model import (
    LiveRelease,
    Outcome,
    Release,
    ReleaseState,
    Revision,
    RolloutRecord,
    ServerStatus,
    Verdict,
)
from playground_ops.core.produced import Wanted
from playground_ops.core.progress import SilentProgress
from playground_ops.engine.context import Engine, Request, Timeouts
from playground_ops.engine.healing import heal
from playground_ops.engine.rollback import roll_back
from playground_ops.engine.rollout import roll_out
from tests.asking import eventually
from tests.contract.conftest import BROKEN, GOOD, HANGS, STACK_OF, World
from tests.reviewing import Reviewer

NOT_WELL = Finding(kind=FindingKind.TRANSIENT, object="location/a", observed="x", cause="y", fix="z")


def say(message: str) -> None: ...


def make(world: World, behaviour: str = GOOD) -> Release:
    """Make a release of a new commit, not yet started."""
    asked = world.target.resolve(world.location, world.commit(behaviour))
    revision = world.target.fetch(world.location, asked, say)
    return Release(
        location=world.location,
        number=world.target.next_number("a"),
        revision=revision,
        configuration=digest(world.location),
        created_at=world.clock.utc_now(),
    )


def wait_until(world: World, release: Release, status: ServerStatus) -> None:
    deadline = world.clock.monotonic() + 120.0
    while world.target.observe(release).status is not status:
        assert world.clock.monotonic() < deadline, world.target.observe(release)
        world.target.wait(release, 0.5)


def started(world: World) -> Release:
    release = make(world)
    world.target.start(release, say)
    wait_until(world, release, ServerStatus.READY)
    return release


def served(world: World) -> Release:
    """Return what the test before left serving, if anything: a start takes seconds of a processor."""
    release = serving(world)
    if release is None:
        release = started(world)
        world.target.serve(release)
    return release


def candidate(world: World) -> Release:
    """Return the candidate that the test before left, if any."""
    return next(iter(those(world, ReleaseState.CANDIDATE)), None) or started(world)


def warm(world: World) -> Release:
    """Return the release that the test before left beside what serves, if any."""
    before = served(world)
    if not retired(world):
        world.target.serve(candidate(world))
        world.target.serve(before)
    return retired(world)[-1]


def fled_from(world: World) -> Release:
    """Return what serves after a rollback, which may be that of the test before."""
    now = served(world)
    if not any(one.number > now.number for one in retired(world)):
        roll_out(engine(world), request(world, ref=world.commit(GOOD)))
        assert gone_back(world) == now.number
    return now


def live(world: World, release: Release) -> LiveRelease | None:
    return next((found for found in world.target.releases("a") if found.release == release), None)


def state(world: World, release: Release) -> ReleaseState | None:
    found = live(world, release)
    return found.state if found else None


def serving(world: World) -> Release | None:
    found = decisions.serving(world.target.releases("a"))
    return found.release if found else None


def those(world: World, wanted: ReleaseState) -> list[Release]:
    return [one.release for one in world.target.releases("a") if one.state is wanted]


def retired(world: World) -> list[Release]:
    return those(world, ReleaseState.RETIRED)


def engine(world: World, progress: SilentProgress | None = None) -> Engine:
    return Engine(
        world.target,
        progress or SilentProgress(),
        world.clock,
        Timeouts(transient=0.0, confirm=60.0, stable=0.1),
    )


def request(world: World, ref: str | None = None, **changed: object) -> Request:
    location = world.location.model_copy(update=changed)
    return Request(location=location, configuration=digest(location), by="the contract", ref=ref)


def test_a_world_uses_the_stack_that_it_is_on_and_no_other(
    world: World, request: pytest.FixtureRequest
) -> None:
    on = STACK_OF.get(request.node.callspec.params["world"])
    assert set(STACK_OF.values()) & set(request.node.fixturenames) == ({on} if on else set())


def test_refs_of_several_locations_are_resolved_together(world: World) -> None:
    commit, pinned = world.commit(GOOD), "f" * 40
    wanted = [world.location, world.location.model_copy(update={"name": "b", "ref": pinned})]
    found = world.target.resolve_all(wanted)
    assert [one.commit for one in found if isinstance(one, Revision)] == [commit, pinned]
    if world.location.repository != "/fake":
        unknown = world.location.model_copy(update={"name": "c", "ref": "mian"})
        _, wrong = world.target.resolve_all([world.location, unknown])
        assert isinstance(wrong, Finding)
        assert "`main`" in wrong.cause


def test_what_is_kept_and_the_room_for_it_are_told(world: World) -> None:
    found = world.target.storage()
    assert found.database is not None
    assert found.database.bytes_used > 0
    assert found.database.revision == found.database.wanted_revision
    if world.target.name == "kubernetes":
        assert 0 < (found.database.connections or 0) < (found.database.most_connections or 0)
        assert found.of_database is not None
        assert 0 < found.of_database.bytes_free < found.of_database.bytes_total
    rooms = [room for room in (found.of_files, found.of_database) if room]
    assert [finding for room in rooms for finding in volume(room)] == []
    files = world.target.stack.files
    assert not is_beyond(world.location, files.kept([world.location.name], 5.0))
    assert list(files.cut_logs(1024**3)) == []


def test_nothing_is_made_that_was_not_made(world: World) -> None:
    wanted = [Wanted(key="never/made", checks=("asked",)), Wanted(key="never", partition="x")]
    assert list(world.target.produced(world.location, wanted)) == []


def test_a_candidate_is_started_once_and_serves_nobody(world: World) -> None:
    before, release = served(world), make(world)
    world.target.start(release, say)
    world.target.start(release, say)
    wait_until(world, release, ServerStatus.READY)
    assert state(world, release) is ReleaseState.CANDIDATE
    assert serving(world) == before
    loaded = world.target.inspect(release)
    assert set(world.target.expected_directories(release)) & set(loaded.working_directories)
    assert (*world.target.repositories(release),) == loaded.repositories == ("__repository__",)
    assert world.target.verdict(release) is None
    for said in (Verdict(approved=False, by="ada"), Verdict(approved=True, by="ada", reason="well")):
        world.target.decide(release, said)
        assert world.target.verdict(release) == said
    assert live(world, release) is not None


def test_the_switch_moves_from_one_to_the_next_and_back(world: World) -> None:
    first, second = served(world), candidate(world)
    world.target.serve(second)
    assert serving(world) == second
    assert second.number > first.number
    states = [found.state for found in world.target.releases("a")]
    assert states.count(ReleaseState.SERVING) == 1
    assert state(world, first) is ReleaseState.RETIRED
    world.target.serve(first)
    assert (serving(world), state(world, second)) == (first, ReleaseState.RETIRED)


def test_what_is_retired_drains_and_is_gone(world: World) -> None:
    first, second = served(world), warm(world)
    world.target.settle(second)
    world.target.settle(second)
    world.target.retire(second)
    world.target.retire(second)
    assert state(world, second) in (ReleaseState.DRAINING, None)
    assert serving(world) == first


def test_a_deploy_is_marked_while_it_lasts_and_locks_nobody_out(world: World) -> None:
    stack = world.target.stack
    assert stack.deploy_under_way() is None
    with stack.deploying("ada@laptop"):
        mark = stack.deploy_under_way()
        assert mark is not None
        assert ("ada@laptop" in mark.by, mark.is_alive) == (True, True)
        with stack.deploying("bob@laptop"):
            assert stack.deploy_under_way() is not None
    assert stack.deploy_under_way() is None


def test_the_lock_has_one_holder_who_is_named(world: World) -> None:
    assert world.target.holder("a") is None
    with world.target.lock("a", "the first") as held:
        held.check()
        assert "the first" in (world.target.holder("a") or "")
        with pytest.raises(LockHeld, match="the first"), world.target.lock("a", "the second"):
            pass
        with world.target.lock("b", "another location's"):
            pass
    with world.target.lock("a", "the third"):
        pass
    assert world.target.holder("a") is None


def test_records_are_replaced_by_id_and_keep_their_order(world: World) -> None:
    def record(name: str, outcome: Outcome | None) -> RolloutRecord:
        return RolloutRecord(location="z", id=name, by="me", started_at="t", outcome=outcome)

    for name in ("aa", "bb"):
        world.target.record(record(name, None))
    world.target.record(record("aa", Outcome.DONE))
    assert [(found.id, found.outcome) for found in world.target.records("z")] == [
        ("aa", Outcome.DONE),
        ("bb", None),
    ]
    assert list(world.target.records("nobody")) == []
    world.forget("z")
    assert list(world.target.records("z")) == []


def test_a_commit_can_be_asked_for_by_its_hash(world: World) -> None:
    commit = world.commit(GOOD)
    world.commit(GOOD)
    assert world.target.resolve(world.location, commit).commit == commit


def explained(record: RolloutRecord, hung_seconds: int | None) -> None:
    """Check what is said of bad code: what its server told, or for how long it was only starting."""
    found = record.finding
    assert found is not None
    assert found.observed and found.cause and found.fix
    if hung_seconds is None:
        assert found.kind is FindingKind.CERTAIN
        assert record.log_tail
    else:
        assert re.search(rf"within {hung_seconds} s(: | \().", found.observed)


def test_a_rollout_moves_a_bad_one_stays_and_a_rollback_goes_back(world: World) -> None:
    first, second = served(world).revision.commit, world.commit(GOOD)
    done = roll_out(engine(world), request(world))
    assert (done.outcome, done.previous_commit) == (Outcome.DONE, first)
    told, now = world.target.records("a")[-1].revision, serving(world)
    assert told is not None and now is not None
    assert (told.author, told.subject) == ("Ada", world.subject(second))
    assert (now.revision.author, now.revision.subject) == (told.author, told.subject)
    assert list(done.durations) == [
        "resolving",
        "starting",
        "verifying",
        "switching",
        "confirming",
        "retiring",
    ]

    for behaviour, seconds in ((BROKEN, 180), (HANGS, 5)):
        number, commit = world.target.next_number("a"), world.commit(behaviour)
        with pytest.raises(RolloutFailed):
            roll_out(engine(world), request(world, ref=commit, startup_timeout_seconds=seconds))
        now = serving(world)
        assert now is not None
        assert now.revision.commit == second
        assert those(world, ReleaseState.CANDIDATE) == []
        assert world.target.next_number("a") > number
        last = world.target.records("a")[-1]
        assert (last.outcome, last.finding is not None) == (Outcome.FAILED, True)
        assert last.revision is not None
        assert (last.revision.commit, last.revision.subject) == (commit, world.subject(commit))
        explained(last, seconds if behaviour == HANGS else None)

    roll_back(engine(world), request(world), None)
    now = serving(world)
    assert now is not None
    assert now.revision.commit == first
    with pytest.raises(PlaygroundError):
        roll_back(engine(world), request(world), 10**6)


def test_a_rollout_never_changes_the_deployment_of_what_serves(world: World) -> None:
    before = served(world)
    world.commit(GOOD)
    with pytest.raises(RolloutFailed, match="serves in deployment main; the configuration has it in next"):
        roll_out(engine(world), request(world, deployment="next"))
    assert serving(world) == before


def test_the_webserver_tells_the_asset_keys_of_what_it_has_loaded(world: World) -> None:
    release, webserver = served(world), world.target.webserver()
    shown = world.target.server_id(release)
    eventually("the webserver to show it", lambda: webserver.servers().get("a") == shown)
    keys = webserver.asset_keys()
    assert keys is not None
    assert tuple(sorted(keys["a"])) == world.target.inspect(release).asset_keys


def gone_back(world: World, to: int | None = None) -> int | None:
    """Roll back to what is warm. Returns the number that serves then; None where there is no way back."""
    highest = world.target.next_number("a")
    try:
        roll_back(engine(world), request(world), to)
    except BadInput:
        return None
    assert world.target.next_number("a") == highest, "nothing had to be made anew"
    now = serving(world)
    return now.number if now else None


def test_a_rollback_goes_to_what_served_before_and_needs_no_record_for_it(world: World) -> None:
    first = fled_from(world).number
    roll_out(engine(world), request(world, ref=world.commit(GOOD)))
    last = serving(world)
    assert last is not None
    assert [one.number for one in retired(world)] == [first]
    assert gone_back(world) == first

    world.lose_records()
    assert gone_back(world) is None, "one fled from the other one"
    assert gone_back(world, last.number) == last.number
    world.lose_records()
    assert gone_back(world) == first


def test_a_candidate_waits_for_a_person_whose_word_it_obeys(world: World) -> None:
    before = served(world)
    reviewed = {"approval": "manual", "approval_timeout_seconds": 60}

    yes = Reviewer(world.target, Verdict(approved=True, by="ada", reason="well"))
    approved = world.commit(GOOD)
    done = roll_out(engine(world, yes), request(world, ref=approved, **reviewed))
    assert (done.outcome, done.approved_by, yes.asked) == (Outcome.DONE, "ada: well", True)
    assert done.changes is not None
    assert (done.changes.against, done.changes.unknown) == (before.number, "")
    assert world.target.records("a")[-1].changes == done.changes

    rejected = world.commit(GOOD)
    with pytest.raises(RolloutFailed, match="rejected by ada"):
        no = Reviewer(world.target, Verdict(approved=False, by="ada"))
        roll_out(engine(world, no), request(world, ref=rejected, **reviewed))
    now = serving(world)
    assert now is not None
    assert now.revision.commit == approved
    assert all(found.state is not ReleaseState.CANDIDATE for found in world.target.releases("a"))
    with pytest.raises(RolloutFailed, match="was rejected at"):
        roll_out(engine(world), request(world, ref=rejected))


def test_what_a_dead_rollout_left_is_cleaned_up_by_the_next_and_what_that_drains_disappears(
    world: World,
) -> None:
    before, left = warm(world), make(world)
    world.target.start(left, say)
    world.target.record(
        RolloutRecord(location="a", id="dd" * 16, by="a dead one", started_at="t", release=left)
    )
    done = roll_out(engine(world), request(world, ref=world.commit(GOOD)))
    assert done.outcome is Outcome.DONE
    assert live(world, left) is None
    dead = next(found for found in world.target.records("a") if found.id == "dd" * 16)
    assert (dead.outcome, dead.recovered) == (Outcome.INTERRUPTED, True)
    assert len(retired(world)) == 1
    assert state(world, before) in (ReleaseState.DRAINING, None)
    eventually("it to be gone", lambda: live(world, before) is None)


def test_healing_brings_up_anew_what_answers_no_more(world: World) -> None:
    before = served(world)
    wished = read("code_locations: [{name: a}]\nhealth: {heal_times: 1}", Path("x.yaml"))
    red: Report = {"a": {Topic.HEALTHY: [NOT_WELL]}}

    def healed() -> list[str]:
        return heal(lambda name: engine(world), wished, red, ["a"])

    assert healed() == []
    number = world.target.next_number("a")
    with ExitStack() as harmed:
        harmed.callback(world.harm(before))
        assert healed() == [f"a: release {number} was brought up anew."]
        now = serving(world)
        assert now is not None
        assert (now.number, now.revision) == (number, before.revision)
        harmed.callback(world.harm(now))
        assert healed() == ["a: not mended: that was done 1 times within 60 min (`health: heal_times`)."]


def test_what_serves_can_be_removed_and_then_nothing_serves(world: World) -> None:
    release = served(world)
    world.target.remove(release)
    assert (live(world, release), serving(world)) == (None, None)
    assert world.target.next_number("a") >= release.number
