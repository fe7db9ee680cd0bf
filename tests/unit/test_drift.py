"""What a deploy would change, as findings; and what rollouts left behind."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from playground_ops.checks import drift, leftovers
from playground_ops.checks.topic import Topic, worst_first
from playground_ops.core.errors import Finding, FindingKind
from playground_ops.core.model import (
    LiveRelease,
    Location,
    Outcome,
    Phase,
    Release,
    ReleaseState,
    Revision,
    RolloutRecord,
)
from playground_ops.core.plan import Change, FieldChange, Plan

NOW = datetime(2026, 11, 25, 12, tzinfo=timezone.utc)


def told(*changes: Change) -> tuple[dict[str, list[Finding]], dict[str, list[Finding]]]:
    return drift.check(Plan(changes=changes))


def test_what_is_as_configured_is_not_told() -> None:
    assert told(Change(component="daemon", kind="daemon", action="unchanged")) == ({}, {})


def test_an_object_that_is_gone_is_missing_and_what_makes_it_is_named() -> None:
    gone = Change(component="a", kind="location", action="create", object="service/dagster-grpc-a")
    missing, differs = told(gone, gone.model_copy(update={"needs_bootstrap": True}))
    first, second = missing["a"]
    assert (first.object, first.observed) == ("service/dagster-grpc-a", "It is not there.")
    assert first.fix == "`deploy` makes it."
    assert second.fix == "`python -m playground_ops.bootstrap` makes it."
    assert differs == {}


def test_who_changed_a_field_is_named_with_it() -> None:
    field = FieldChange(path="spec.replicas", before="0", after="1", manager="kubectl-scale")
    change = Change(
        component="daemon", kind="daemon", action="update", object="deployment/d", fields=(field,)
    )
    ((found,),) = told(change)[1].values()
    assert found.observed == "spec.replicas is not as configured."
    assert found.cause == "It was changed by kubectl-scale, past the configuration."
    assert found.evidence == "spec.replicas: 0 instead of 1 (kubectl-scale)"


def test_a_configuration_that_was_not_deployed_is_said_to_be_so() -> None:
    fields = tuple(FieldChange(path=f"f{number}", before="x", after="y") for number in range(7))
    change = Change(component="a", kind="location", action="update", fields=fields)
    ((found,),) = told(change)[1].values()
    assert found.observed == "f0, f1, f2, f3, f4, 2 more are not as configured."
    assert "changed since the last deploy" in found.cause


def test_what_is_no_longer_configured_is_a_difference() -> None:
    missing, differs = told(Change(component="a", kind="location", action="delete"))
    assert missing == {}
    assert "still there" in differs["a"][0].observed


def release(number: int, hours_ago: float = 0.1) -> Release:
    made = (NOW - timedelta(hours=hours_ago)).isoformat()
    revision = Revision(repository="r", commit="c" * 40)
    location = Location(name="a", repository="r")
    return Release(location=location, number=number, revision=revision, configuration="c", created_at=made)


def live(number: int, state: ReleaseState, hours_ago: float = 0.1) -> LiveRelease:
    return LiveRelease(release=release(number, hours_ago), state=state)


def record(number: int, outcome: Outcome | None, hours_ago: float = 0.1) -> RolloutRecord:
    return RolloutRecord(
        location="a",
        id=f"{number:032x}",
        by="ada",
        started_at=(NOW - timedelta(hours=hours_ago)).isoformat(),
        ended_at=NOW.isoformat() if outcome else None,
        outcome=outcome,
        phase=Phase.VERIFY,
        release=release(number),
    )


SERVES = live(1, ReleaseState.SERVING)


@pytest.mark.parametrize(
    ("releases", "records"),
    [
        ([SERVES], [record(1, Outcome.DONE)]),
        ([SERVES, live(2, ReleaseState.CANDIDATE)], [record(2, None)]),
        ([SERVES, live(2, ReleaseState.CANDIDATE)], [record(2, Outcome.FAILED)]),
        ([SERVES, live(2, ReleaseState.CANDIDATE, 20)], [record(2, None, 0.5)]),
        ([], []),
    ],
    ids=["nothing", "under way", "just ended", "an old candidate of a new rollout", "never deployed"],
)
def test_what_belongs_to_a_rollout_is_left_alone(
    releases: list[LiveRelease], records: list[RolloutRecord]
) -> None:
    assert leftovers.check("a", "ada", releases, records, NOW) == []


def test_what_began_after_the_lock_was_looked_at_is_left_alone() -> None:
    releases = [SERVES, live(2, ReleaseState.CANDIDATE, 0.01)]
    assert leftovers.check("a", None, releases, [record(2, None, 0.01)], NOW) == []
    assert leftovers.check("a", None, releases, [record(1, Outcome.DONE)], NOW) == []


def test_a_candidate_that_nobody_removed_is_told() -> None:
    releases = [SERVES, live(2, ReleaseState.CANDIDATE, 5)]
    (found,) = leftovers.check("a", None, releases, [record(2, Outcome.INTERRUPTED, 5)], NOW)
    assert found.object == "release/a-2"
    assert "`redeploy a` removes it" in found.fix


def test_a_rollout_whose_process_died_is_told() -> None:
    (found,) = leftovers.check("a", None, [SERVES], [record(2, None, 0.1)], NOW)
    assert "A redeploy by ada began at" in found.observed
    assert "(verifying)" in found.observed


def test_a_rollout_that_hangs_is_told_by_whom_it_is() -> None:
    (found,) = leftovers.check("a", "ada (pid 7)", [SERVES], [record(2, None, 3)], NOW)
    assert found.observed.endswith("(verifying); ada (pid 7) still holds its lock.")


def test_an_address_that_was_moved_by_hand_is_told() -> None:
    records = [record(1, Outcome.DONE), record(2, Outcome.DONE), record(3, Outcome.FAILED)]
    (found,) = leftovers.moved_by_hand("a", [SERVES], records)
    assert found.observed.startswith("Release 1 serves; by the records it is release 2 (redeploy by ada")
    assert leftovers.moved_by_hand("a", [SERVES], [*records, record(4, None)]) == [], "while one is under way"
    assert leftovers.moved_by_hand("a", [live(2, ReleaseState.SERVING)], records) == []
    assert leftovers.moved_by_hand("a", [], records) == []


def test_the_worst_comes_first() -> None:
    def a(name: str) -> Finding:
        return Finding(kind=FindingKind.TRANSIENT, object=name, observed="x", cause="y", fix="z")

    report = {"a": {Topic.TIDY: [a("tidy")], Topic.TICKS: [a("tick")]}, "b": {Topic.HEALTHY: [a("down")]}}
    assert [finding.object for _, _, finding in worst_first(report)] == ["down", "tick", "tidy"]
