"""A failed rollout stays in sight until the next good one, and a location's checks are known after each."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg
import pytest

from playground_ops.checks.rollouts import last_rollout
from playground_ops.checks.topic import Topic
from playground_ops.core.model import Outcome, RolloutRecord
from playground_ops.core.progress import SilentProgress
from playground_ops.defs.assets import key
from playground_ops.defs.evaluations import AS_OF, LOOKED
from playground_ops.engine import apply, redeploy
from playground_ops.engine.context import Asker
from tests.openers import BAD, FILE, FIRST, SECOND, FakeOpener, launch, tick
from tests.webhooks import a_webhook

TOPIC = Topic.LAST_ROLLOUT.value


def last(instance: dg.DagsterInstance, topic: str = TOPIC, name: str = "a") -> dg.AssetCheckEvaluation | None:
    asked = dg.AssetCheckKey(key(name), topic)
    newest = instance.event_log_storage.get_asset_check_execution_history(asked, limit=1, status=LOOKED)
    return newest[0].evaluation if newest else None


def seen(found: dg.AssetCheckEvaluation | None) -> tuple[bool, str]:
    assert found is not None
    return found.passed, found.severity.value


def to(opener: FakeOpener, instance: dg.DagsterInstance, commit: str) -> dg.ExecuteInProcessResult:
    opener.world.heads["a"] = commit
    return launch(opener, instance, "redeploy", locations=["a"])


def by_hand(opener: FakeOpener, commit: str) -> None:
    """Roll out from the command line."""
    opened = opener.open()
    opener.world.heads["a"] = commit
    wish = redeploy.Wish(locations=["a"], asker=Asker("ada@laptop"))
    requests = redeploy.requests(opened.engine, opened.configuration, wish)
    apply.roll_out_all(opened.engine, requests, lambda name: SilentProgress())


def test_a_failed_redeploy_is_yellow_says_why_and_by_whom_and_green_with_the_next_good_one(
    opener: FakeOpener, instance: dg.DagsterInstance
) -> None:
    to(opener, instance, FIRST)
    assert seen(last(instance)) == (True, "WARN")
    failed = to(opener, instance, BAD)
    found = last(instance)
    assert seen(found) == (False, "WARN")
    assert found is not None
    assert "ImportError: boom" in str(found.description)
    told = {name: value.value for name, value in found.metadata.items()}
    assert told["run"] == failed.run_id
    assert told["requested by"] == f"run {failed.run_id[:8]} (redeploy)"
    assert "release 1 still serves" in str(told["rollout"])
    (evaluated,) = failed.get_asset_check_evaluations()
    assert evaluated.asset_check_key.name == TOPIC, "in the run itself, at once"
    to(opener, instance, SECOND)
    assert seen(last(instance)) == (True, "WARN")


def test_where_nothing_serves_it_is_red(opener: FakeOpener, instance: dg.DagsterInstance) -> None:
    to(opener, instance, BAD)
    assert seen(last(instance)) == (False, "ERROR")
    looked = launch(opener, instance, "health_check")
    found = {one.asset_check_key: one for one in looked.get_asset_check_evaluations()}
    assert seen(found[dg.AssetCheckKey(key("a"), TOPIC)]) == (False, "ERROR")
    healthy = found[dg.AssetCheckKey(key("a"), "healthy")]
    assert seen(healthy) == (False, "WARN"), "that it serves nothing follows from it"
    assert "This follows from `last_rollout` of `a`" in str(healthy.description)


def test_who_looks_and_who_is_told_know_it_once(
    opener: FakeOpener, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "ops"):
        launch(opener, instance, "redeploy", locations=[name])
    opener.file.write_text(FILE + "health: {tell: [{variable: HOOK}]}")
    with a_webhook() as webhook:
        monkeypatch.setenv("HOOK", webhook.url)
        before = tick(opener, instance, "health_watch")
        for _ in range(2):
            to(opener, instance, BAD)
            tick(opener, instance, "health_watch", before.cursor)
        ((told,), *more) = [
            got["new"] for got in webhook.got if got["new"] and got["new"][0]["component"] == "a"
        ]
        assert (told["check"], told["urgent"], more) == (TOPIC, False, [])
        assert "ImportError: boom" in told["sentence"]
        to(opener, instance, SECOND)
        tick(opener, instance, "health_watch", before.cursor)
        assert [one["check"] for one in webhook.got[-1]["mended"]] == [TOPIC]


def test_a_rollout_from_outside_is_told_by_the_sensor(
    opener: FakeOpener, instance: dg.DagsterInstance
) -> None:
    by_hand(opener, FIRST)
    by_hand(opener, BAD)
    first = tick(opener, instance, "rollout_records")
    told = [one for one in first.asset_events if isinstance(one, dg.AssetCheckEvaluation)]
    of_it = [one for one in told if one.check_name == TOPIC]
    assert [seen(one) for one in of_it] == [(True, "WARN"), (False, "WARN")]
    assert of_it[-1].metadata["requested by"].value == "ada@laptop (redeploy)"
    assert "run" not in of_it[-1].metadata
    by_hand(opener, SECOND)
    again = tick(opener, instance, "rollout_records", first.cursor)
    kinds = [getattr(one, "check_name", "release") for one in again.asset_events]
    assert kinds[:2] == ["release", TOPIC]
    assert {"healthy", "tidy", "source"} <= set(kinds)


def test_after_a_release_every_check_is_known_without_another_look(
    opener: FakeOpener, instance: dg.DagsterInstance
) -> None:
    """Dagster takes an evaluation that is older than the last release for none."""
    to(opener, instance, FIRST)
    launch(opener, instance, "health_check")
    released = to(opener, instance, SECOND)
    events = [one.event_type_value for one in released.all_events if one.asset_key == key("a")]
    assert events[0] == "ASSET_MATERIALIZATION"
    found = {one.check_name: one for one in released.get_asset_check_evaluations()}
    of_now = {"healthy", "last_rollout", "source", "tidy"}
    assert set(found) == {*of_now, "ticks", "runs_go_on", "as_configured", "has_room"}
    assert all(one.passed for one in found.values())
    assert found["source"].description == f"main led to {SECOND[:12]}, which serves."
    repeated = {name for name, one in found.items() if AS_OF in one.metadata}
    assert repeated == set(found) - of_now, "with the time of the look"


def test_what_a_rollout_does_not_ask_stays_as_it_was(
    opener: FakeOpener, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    to(opener, instance, FIRST)
    to(opener, instance, SECOND)
    opener.world.resolve_failures = 9
    launch(opener, instance, "health_check")
    assert seen(last(instance, "source")) == (False, "WARN")
    back = launch(opener, instance, "rollback", location="a")
    assert back.success
    assert seen(last(instance, "source")) == (False, "WARN"), "a rollback asks no repository"
    found = last(instance, "source")
    assert found is not None
    assert AS_OF in found.metadata


def a_record(outcome: Outcome | None, at: int, action: str = "redeploy") -> RolloutRecord:
    return RolloutRecord(
        location="a",
        id=f"{at:032x}",
        by="ada",
        action=action,
        started_at=str(at),
        outcome=outcome,  # type: ignore[arg-type]
    )


DONE, FAILED, CANCELLED = Outcome.DONE, Outcome.FAILED, Outcome.CANCELLED
INTERRUPTED, UNCHANGED = Outcome.INTERRUPTED, Outcome.UNCHANGED


@pytest.mark.parametrize(
    ("outcomes", "told"),
    [
        ([], None),
        ([DONE], None),
        ([DONE, FAILED], 1),
        ([FAILED, DONE], None),
        ([DONE, CANCELLED], None),
        ([FAILED, CANCELLED], 0),
        ([FAILED, None], 0),
        ([DONE, None], None),
        ([DONE, INTERRUPTED], 1),
        ([INTERRUPTED, DONE], None),
        ([FAILED, UNCHANGED], None),
    ],
)
def test_which_rollout_is_told(outcomes: Sequence[Outcome | None], told: int | None) -> None:
    records = [a_record(outcome, at) for at, outcome in enumerate(outcomes)]
    found = last_rollout("a", records, serves=True)
    assert [one.explains for one in found] == ([] if told is None else [("rollout/a",)])
    if told is not None:
        assert "The last rollout, a redeploy by ada," in found[0].observed


def test_what_healed_brings_back_what_served_and_not_what_was_asked_for() -> None:
    failed, healed = a_record(FAILED, 1), a_record(DONE, 2, "heal")
    assert last_rollout("a", [failed, healed], serves=True) != []
    in_vain = a_record(FAILED, 2, "heal")
    assert last_rollout("a", [a_record(DONE, 1), in_vain, a_record(DONE, 3, "heal")], serves=True) == []
    assert last_rollout("a", [a_record(DONE, 1), in_vain], serves=True) != []


def test_a_ref_that_leads_back_to_what_serves_ends_it_for_good(
    opener: FakeOpener, instance: dg.DagsterInstance
) -> None:
    to(opener, instance, FIRST)
    to(opener, instance, FIRST)
    assert len(opener.records("a")) == 1, "nothing to do leaves no record"
    to(opener, instance, BAD)
    back = to(opener, instance, FIRST)
    assert back.success
    assert seen(last(instance)) == (True, "WARN")
    assert [one.outcome for one in opener.records("a")] == [DONE, FAILED, UNCHANGED]
    looked = launch(opener, instance, "health_check")
    told = {one.asset_check_key: one.passed for one in looked.get_asset_check_evaluations()}
    assert told[dg.AssetCheckKey(key("a"), TOPIC)], "and who looks later finds the same"
