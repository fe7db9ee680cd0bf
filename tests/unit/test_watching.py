"""The job that examines the stack, the sensor that does so between its runs, and who is notified."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

import dagster as dg
import pytest

from playground_ops.checks.topic import Topic
from playground_ops.core.component import ComponentStatus, Deploying
from playground_ops.core.errors import Finding, PlaygroundError
from playground_ops.core.model import Location, Revision
from playground_ops.defs.assembly import definitions
from playground_ops.targets.kubernetes.api.refusals import Refusal
from tests.fakes import FakeStack, FakeTarget, finding
from tests.openers import FILE, FakeOpener, launch, tick, told
from tests.webhooks import a_webhook


def test_the_health_check_is_red_for_what_is_not_well(
    opener: FakeOpener, instance: dg.DagsterInstance
) -> None:
    launch(opener, instance, "redeploy", locations=["a"])
    result = launch(opener, instance, "health_check")
    assert result.success
    found = result.get_asset_check_evaluations()
    seen = {(check.asset_key.path[-1], check.check_name): check for check in found}
    assert seen["a", "healthy"].passed
    red = seen["b", "healthy"]
    assert (red.passed, red.severity) == (False, dg.AssetCheckSeverity.ERROR)
    passed = [check.passed for check in found]
    assert passed == sorted(passed), "the worst first"
    assert seen["daemon", "runs_go_on"].severity is dg.AssetCheckSeverity.WARN
    assert {topic for name, topic in seen if name == "b"} == {topic.value for topic in Topic}
    assert seen["foundation", Topic.ROOM.value].passed
    assert "It serves no release" in (red.description or "")
    kinds = {event.event_type_value for event in result.all_events}
    assert "ASSET_CHECK_EVALUATION" in kinds
    assert "STEP_OUTPUT" not in kinds, "nobody reads one, and each takes a write"
    assert not [one for one in told(result, instance) if "expected outputs" in one]


def test_one_check_is_executed_alone(opener: FakeOpener, instance: dg.DagsterInstance) -> None:
    """Its button in the UI does this."""
    job = definitions(opener).resolve_job_def("health_check")
    chosen = dg.AssetCheckKey(dg.AssetKey(["stack", "daemon"]), Topic.HEALTHY.value)
    result = job.get_subset(asset_selection=set(), asset_check_selection={chosen}).execute_in_process(
        instance=instance, raise_on_error=False
    )
    assert result.success
    assert [check.asset_check_key for check in result.get_asset_check_evaluations()] == [chosen]


def test_the_watch_writes_what_changed_and_tells_it_once(
    opener: FakeOpener, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    opener.file.write_text(FILE + "health: {tell: [{variable: HOOK}]}")
    with a_webhook() as webhook:
        monkeypatch.setenv("HOOK", webhook.url)
        first = tick(opener, instance, "health_watch")
        assert {one.asset_key.path[-1] for one in first.asset_events if not one.passed} >= {"a", "b"}
        (got,) = webhook.got
        assert {one["component"] for one in got["new"]} >= {"a", "b"}

        again = tick(opener, instance, "health_watch", first.cursor)
        assert again.asset_events == []
        assert "all as at the last look" in (again.skip_message or "")

        launch(opener, instance, "redeploy", locations=["a"])
        mended = tick(opener, instance, "health_watch", first.cursor)
        written = {(one.asset_key.path[-1], one.check_name) for one in mended.asset_events}
        assert ("a", "healthy") in written
        assert {name for name, _ in written} == {"a"}, "all of it, for the UI counts what is after a release"
        assert ("a", "source") not in written, "which the watch does not look at"
        assert [one["component"] for one in webhook.got[-1]["mended"]] == ["a"]
        assert len(webhook.got) == 2


def test_what_could_not_be_told_is_told_at_the_next_look(
    opener: FakeOpener, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    opener.file.write_text(FILE + "health: {tell: [{variable: HOOK, form: slack}]}")
    looked = launch(opener, instance, "health_check")
    assert looked.success, "that nobody could be told is no reason to fail"
    assert any("There is no variable HOOK" in line for line in told(looked, instance))
    with a_webhook() as webhook:
        monkeypatch.setenv("HOOK", webhook.url)
        webhook.status = 503
        tick(opener, instance, "health_watch")
        webhook.status = 200
        tick(opener, instance, "health_watch")
        (got,) = webhook.got
        assert "It serves no release" in got["text"]


def test_what_lasts_is_mended_at_the_second_look_where_that_was_asked_for(
    opener: FakeOpener, instance: dg.DagsterInstance
) -> None:
    opener.file.write_text(FILE + "health: {heal_times: 1}")
    launch(opener, instance, "redeploy", locations=["a"])
    release = opener.world.serving_release("a")
    assert release is not None
    opener.world.dead.add(release.name)
    first = launch(opener, instance, "health_check")
    assert opener.world.serving["a"] == 1, "it may have passed by the next look"
    second = launch(opener, instance, "health_check")
    assert not any("brought up anew" in line for line in told(first, instance))
    assert any("a: release 2 was brought up anew." in line for line in told(second, instance))
    seen = {(one.asset_key.path[-1], one.check_name): one for one in second.get_asset_check_evaluations()}
    assert seen["a", "healthy"].passed, "it was looked at again"


def test_who_can_not_look_is_red_and_nothing_else_is_said(
    opener: FakeOpener, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    opener.file.write_text(FILE + "health: {tell: [{variable: HOOK}]}")
    launch(opener, instance, "redeploy", locations=["a", "b"])
    before = tick(opener, instance, "health_watch")

    def refused(*_: object) -> None:
        raise PlaygroundError(finding(observed="pods is forbidden"))

    with a_webhook() as webhook, monkeypatch.context() as patch:
        monkeypatch.setenv("HOOK", webhook.url)
        patch.setattr(FakeStack, "component_status", refused)
        seen = tick(opener, instance, "health_watch", before.cursor)
        (red,) = seen.asset_events
        assert (red.asset_key.path[-1], red.check_name, red.passed) == ("ops", "healthy", False)
        assert "pods is forbidden" in (red.description or "")
        assert [one["component"] for one in webhook.got[-1]["new"]] == ["ops"]
        looked = launch(opener, instance, "health_check")
        (evaluated,) = looked.get_asset_check_evaluations()
        assert (looked.success, evaluated.asset_key, evaluated.passed) == (False, red.asset_key, False)
    again = tick(opener, instance, "health_watch", seen.cursor)
    written = {(one.asset_key.path[-1], one.check_name) for one in again.asset_events}
    assert ("ops", "healthy") in written


def test_a_repository_that_the_policy_of_a_deploy_refused_is_asked_again_as_configured_now(
    opener: FakeOpener, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deploy changed an image after the run had read the configuration: each `source` was not passed."""
    launch(opener, instance, "redeploy")
    denied = "denied: dagster-ops may not use an image that the configuration does not name: git-sync:4"
    refused = Refusal("pod/dagster-resolve-a", 403, "Forbidden", denied).finding
    answers = FakeTarget.resolve_all
    asked: list[int] = []

    def once(target: FakeTarget, wanted: Sequence[Location]) -> list[Revision | Finding]:
        asked.append(len(wanted))
        return [refused for _ in wanted] if len(asked) == 1 else answers(target, wanted)

    monkeypatch.setattr(FakeTarget, "resolve_all", once)
    found = launch(opener, instance, "health_check").get_asset_check_evaluations()
    assert len(asked) == 2
    assert all(one.passed for one in found if one.check_name == "source")
    monkeypatch.setattr(FakeTarget, "resolve_all", lambda target, wanted: [refused for _ in wanted])
    told = launch(opener, instance, "health_check").get_asset_check_evaluations()
    not_passed = [one for one in told if not one.passed and one.check_name == "source"]
    assert [str(one.description).startswith("This follows from") for one in not_passed] == [False, True]


def test_without_its_webserver_the_stack_has_one_red_check_and_says_of_nothing_that_it_is_well(
    opener: FakeOpener, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch(opener, instance, "redeploy", locations=["ops", "a", "b"])
    opener.file.write_text(FILE + "health: {tell: [{variable: HOOK}]}")
    opener.world.overview = None
    there = [ComponentStatus(name=name, kind=name, ready=True) for name in ("webserver", "daemon")]  # type: ignore[arg-type]
    monkeypatch.setattr(FakeStack, "component_status", lambda _: there)
    with a_webhook() as webhook:
        monkeypatch.setenv("HOOK", webhook.url)
        seen = tick(opener, instance, "health_watch")
        (got,) = webhook.got
        assert [(one["component"], one["check"]) for one in got["new"]] == [("webserver", "healthy")]
        assert got["new"][0]["also"] == [f"{name} healthy" for name in ("ops", "a", "b")]
    bad = [one for one in seen.asset_events if not one.passed]
    assert [one.asset_key.path[-1] for one in bad if one.severity is dg.AssetCheckSeverity.ERROR] == [
        "webserver"
    ]
    assert {one.asset_key.path[-1] for one in bad} == {"webserver", "ops", "a", "b"}
    assert not [one for one in seen.asset_events if one.check_name in ("ticks", "runs_go_on")], "nobody knows"


def test_what_a_deploy_excused_is_asked_again_when_it_has_ended(
    opener: FakeOpener, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch(opener, instance, "redeploy", locations=["ops", "a", "b"])
    denied = "denied: dagster-ops may not use an image that the configuration does not name: git-sync:4"
    refused = Refusal("pod/dagster-resolve-a", 403, "Forbidden", denied).finding
    now = datetime.now(timezone.utc).isoformat()
    opener.world.deploy = Deploying(by="ada", since=now)
    during = tick(opener, instance, "health_watch")
    with monkeypatch.context() as patch:
        patch.setattr(FakeTarget, "resolve_all", lambda target, wanted: [refused for _ in wanted])
        looked = launch(opener, instance, "health_check").get_asset_check_evaluations()
    excused = [one for one in looked if one.check_name == "source"]
    assert {(one.passed, one.severity) for one in excused} == {(False, dg.AssetCheckSeverity.WARN)}
    assert all(str(one.description).startswith("A deploy by ada is under way") for one in excused)
    assert tick(opener, instance, "health_watch", during.cursor).run_requests == [], "it is still under way"
    opener.world.deploy = None
    (request,) = tick(opener, instance, "health_watch", during.cursor).run_requests
    assert sorted(one.asset_key.path[-1] for one in request.asset_check_keys) == ["a", "b"]
    job = definitions(opener).resolve_job_def("health_check")
    chosen = job.get_subset(asset_selection=set(), asset_check_selection={*request.asset_check_keys})
    again = chosen.execute_in_process(instance=instance).get_asset_check_evaluations()
    assert [one.passed for one in again] == [True, True]
    after = tick(opener, instance, "health_watch", during.cursor)
    assert after.run_requests == [], "once"
