"""The Dagster shell over the fake target: what a run's page and the asset graph show."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest

from playground_ops.core.changes import Difference, changes
from playground_ops.core.errors import certain
from playground_ops.core.loaded import Defined
from playground_ops.core.model import Location, Outcome, Phase, Release, RolloutRecord
from playground_ops.core.progress import SilentProgress
from playground_ops.defs import checks
from playground_ops.defs.assembly import definitions
from playground_ops.defs.jobs.rollouts import WHO_TAG, requested_by
from playground_ops.defs.metadata import of_finding, of_rollout
from playground_ops.defs.schedules import forget
from playground_ops.defs.sensors.push import follow_sensors
from playground_ops.defs.sensors.rollout_records import is_told
from playground_ops.engine import apply, redeploy
from playground_ops.engine.context import Asker
from tests.fakes import FakeTarget
from tests.openers import BAD, FILE, FIRST, SECOND, FakeOpener, launch, tick, told


def metadata_of(event: dg.DagsterEvent | None) -> dict[str, object]:
    assert event is not None
    return {name: value.value for name, value in event.step_failure_data.user_failure_data.metadata.items()}


def test_the_definitions_are_complete(opener: FakeOpener) -> None:
    made = definitions(opener)
    dg.Definitions.validate_loadable(made)
    repository = made.get_repository_def()
    assert {"redeploy", "rollback", "promote", "plan", "deploy", "health_check"} <= {
        job.name for job in repository.get_all_jobs()
    }
    (schedule,) = repository.schedule_defs
    assert (schedule.name, schedule.default_status) == (
        "health_check_schedule",
        dg.DefaultScheduleStatus.RUNNING,
    )
    assert {sensor.name: sensor.default_status.value for sensor in repository.sensor_defs} == {
        "rollout_records": "RUNNING",
        "health_watch": "RUNNING",
        "follow_acme_pipelines": "RUNNING",
    }
    keys = {key.to_user_string() for key in repository.asset_graph.get_all_asset_keys()}
    assert keys == {f"stack/{name}" for name in ("webserver", "daemon", "ops", "a", "b", "foundation")}


def test_a_faulty_configuration_still_loads_and_every_job_names_the_fault(
    opener: FakeOpener, instance: dg.DagsterInstance
) -> None:
    opener.file.write_text("code_locations: [{name: A}]\nwebservr: {}\n")
    dg.Definitions.validate_loadable(definitions(opener))
    for job in ("redeploy", "plan", "deploy", "health_check"):
        result = launch(opener, instance, job)
        assert not result.success
        (failure,) = result.get_step_failure_events()
        message = failure.step_failure_data.user_failure_data.description
        assert "code_locations[0].name" in message
        assert "webserver" in message


def test_a_redeploy_tells_its_story_and_materializes_the_location(
    opener: FakeOpener, instance: dg.DagsterInstance
) -> None:
    result = launch(opener, instance, "redeploy", locations=["a"])
    assert result.success
    story = told(result, instance)
    phases = ["resolving", "starting", "verifying", "switching", "confirming", "retiring"]
    assert [phase for phase in phases if any(f"a · {phase}" in line for line in story)] == phases
    (event,) = [event for event in result.all_events if event.is_step_materialization]
    materialization = event.materialization
    assert materialization.asset_key == dg.AssetKey(["stack", "a"])
    shown = {name: value.value for name, value in materialization.metadata.items()}
    assert shown["release"] == 1
    assert shown["commit"] == f"https://github.com/acme/pipelines/commit/{FIRST}"
    assert shown["author"] == "Ada"
    assert "| switching |" in str(shown["durations"])
    (record,) = opener.records("a")
    assert record.run_id == result.run_id


def test_without_configuration_those_whose_ref_has_moved(
    opener: FakeOpener, instance: dg.DagsterInstance
) -> None:
    assert launch(opener, instance, "redeploy").success
    opener.world.heads["b"] = SECOND
    result = launch(opener, instance, "redeploy")
    assert [event.asset_key.path[-1] for event in result.all_events if event.is_step_materialization] == ["b"]
    again = launch(opener, instance, "redeploy")
    assert again.success
    assert "stack · nothing to do: no ref has moved" in told(again, instance)


def test_a_bad_commit_fails_the_run_with_its_cause_and_is_observed(
    opener: FakeOpener, instance: dg.DagsterInstance
) -> None:
    launch(opener, instance, "redeploy", locations=["a"])
    opener.world.heads["a"] = BAD
    result = launch(opener, instance, "redeploy", locations=["a", "b"])
    assert not result.success
    (failure,) = result.get_step_failure_events()
    data = failure.step_failure_data.user_failure_data
    assert data.description.startswith("release/x: ImportError: boom")
    assert data.metadata["likely cause"].value == "a cause"
    assert "where to do it" not in data.metadata, "its fix names no command"
    assert "the last words of a-2" in data.metadata["evidence"].value
    materialized = {e.asset_key.path[-1] for e in result.all_events if e.is_step_materialization}
    assert materialized == {"b"}
    (observed,) = result.asset_observations_for_node("roll_out")
    assert observed.asset_key == dg.AssetKey(["stack", "a"])
    assert "release 1 still serves" in (observed.description or "")


def test_a_command_in_a_sentence_is_told_where_it_is_given() -> None:
    """Who reads a page of the UI has neither a folder nor options before them."""
    finding = certain(object="location/a", observed="o", cause="c", fix="`history a` tells why.")
    rows = of_finding(finding)
    told = str(rows["where to do it"].value)
    assert "`playground-ops history a`" in told
    assert "configvalues.yaml" in told
    assert list(rows).index("where to do it") == list(rows).index("what to do") + 1


def test_a_location_that_is_not_there_is_named(opener: FakeOpener, instance: dg.DagsterInstance) -> None:
    (failure,) = launch(opener, instance, "redeploy", locations=["zz"]).get_step_failure_events()
    described = failure.step_failure_data.user_failure_data.description
    assert "The configuration has: ops, a, b" in described


def test_rollback_and_promote(opener: FakeOpener, instance: dg.DagsterInstance) -> None:
    launch(opener, instance, "redeploy")
    opener.world.heads["a"] = SECOND
    launch(opener, instance, "redeploy")
    assert launch(opener, instance, "promote", source="a", destination="b").success
    assert opener.world.serving_release("b").revision.commit == SECOND
    assert launch(opener, instance, "rollback", location="a").success
    assert opener.world.serving_release("a").revision.commit == FIRST
    refused = launch(opener, instance, "rollback", location="a")
    assert not refused.success
    (failure,) = refused.get_step_failure_events()
    assert "no earlier release" in failure.step_failure_data.user_failure_data.description


def test_the_run_s_page_says_what_changes_before_the_switch_and_the_asset_has_it(
    opener: FakeOpener, instance: dg.DagsterInstance
) -> None:
    opener.world.defined = {SECOND: [Defined(kind="asset", name="prices")]}
    launch(opener, instance, "redeploy", locations=["a"])
    opener.world.heads["a"] = SECOND
    ended = launch(opener, instance, "redeploy", locations=["a"])
    changed = "against release 1: 1 asset added (prices)"
    logged = [str(one.user_message) for one in instance.all_logs(ended.run_id)]
    at = [index for index, line in enumerate(logged) if f"a · {changed}" in line]
    switching = [index for index, line in enumerate(logged) if "switching: a goes to release 2" in line]
    assert len(at) == len(switching) == 1
    assert at < switching
    (event,) = ended.asset_materializations_for_node("roll_out")
    assert event.metadata["changes"].value == changed
    assert "| **added** | asset prices |" in str(event.metadata["differences"].value)


def test_a_person_s_word_is_given_by_a_job_and_needs_somebody_who_waits(
    opener: FakeOpener, instance: dg.DagsterInstance
) -> None:
    refused = launch(opener, instance, "approve", location="a")
    (failure,) = refused.get_step_failure_events()
    assert "No candidate" in failure.step_failure_data.user_failure_data.description

    target, (location, _) = FakeTarget(opener.world), opener.open().configuration.locations
    revision = target.resolve(location, None)
    candidate = Release(location=location, number=1, revision=revision, configuration="c", created_at="t")
    target.start(candidate, lambda message: None)
    added = changes([Difference(change="added", kind="asset", name="prices")], 3)
    waits = {"phase": Phase.APPROVE, "release": candidate, "changes": added}
    target.record(RolloutRecord(location="a", id="x", by="ada", started_at="t", **waits))
    for job in ("approve", "reject"):
        ended = launch(opener, instance, job, location="a", reason="because")
        assert ended.success
        logged = [one.user_message for one in instance.all_logs(ended.run_id)]
        assert any(line.endswith(f"{job}; against release 3: 1 asset added (prices)") for line in logged)
        said = opener.world.verdicts["a-1"]
        assert (said.approved, said.reason) == (job == "approve", "because")
        assert said.by.startswith("run ")


def skipped(opener: FakeOpener, instance: dg.DagsterInstance, sensor: dg.SensorDefinition) -> str:
    context = dg.build_sensor_context(instance=instance, resources={"stack": opener})
    return str(sensor.evaluate_tick(context).skip_message)


def test_a_push_is_requested_once_and_a_rejected_one_not_again(
    opener: FakeOpener, instance: dg.DagsterInstance
) -> None:
    (request,) = tick(opener, instance, "follow_acme_pipelines").run_requests
    assert request.run_config == {"locations": ["a"]}
    assert request.tags["playground/commit"] == FIRST
    assert request.run_key == f"a:{FIRST}:0"
    launch(opener, instance, "redeploy", locations=["a"])
    assert "as before" in tick(opener, instance, "follow_acme_pipelines").skip_message

    opener.world.heads["a"] = BAD
    assert tick(opener, instance, "follow_acme_pipelines").run_requests
    launch(opener, instance, "redeploy", locations=["a"])
    assert "was rejected" in tick(opener, instance, "follow_acme_pipelines").skip_message

    opener.world.heads["a"] = SECOND
    assert tick(opener, instance, "follow_acme_pipelines").run_requests
    opener.world.resolve_failures = 1
    assert "the network is down" in tick(opener, instance, "follow_acme_pipelines").skip_message


def test_locations_that_follow_one_repository_share_a_sensor_and_a_question(
    opener: FakeOpener, instance: dg.DagsterInstance
) -> None:
    text = FILE.replace("ref: main}}", "ref: next}, follow: true}")
    opener.file.write_text(text + "  - {name: c, repo: git@git.internal:acme/pipelines.git, follow: true}\n")
    opener.world.heads["c"] = FIRST
    sensors = {one.name for one in definitions(opener).get_repository_def().sensor_defs}
    followed = sorted(sensors - {"rollout_records", "health_watch"})
    assert [name.rpartition("_")[0] for name in followed] == ["follow_acme_pipelines"] * 2, "two servers"

    def requested() -> list[list[str]]:
        found = [tick(opener, instance, name) for name in followed]
        return sorted(
            sorted(one.run_config["locations"][0] for one in each.run_requests or ()) for each in found
        )

    assert requested() == [["a", "b"], ["c"]]
    launch(opener, instance, "redeploy", locations=["a", "b", "c"])
    opener.world.heads["b"] = SECOND
    assert requested() == [[], ["b"]]
    before = [definitions(opener).get_sensor_def(name) for name in followed]
    opener.file.write_text(text.replace("follow: true", "follow: false"))
    assert all("nothing is followed" in skipped(opener, instance, one) for one in before)


@pytest.mark.parametrize(
    ("repo", "more", "name"),
    [
        ("https://github.com/acme/pipelines.git", {}, "follow_acme_pipelines"),
        (
            "git@git.internal:data/orders.git",
            {"git_secret": "orders-git"},
            "follow_data_orders_with_orders_git",
        ),
        ("git://git.internal:9418/stack", {}, "follow_stack"),
        ("/srv/code/x", {"follow_interval_seconds": 300}, "follow_code_x_every_300_s"),
    ],
)
def test_a_follow_sensor_is_named_by_what_it_asks(repo: str, more: dict[str, object], name: str) -> None:
    found = Location(name="a", repository=repo, follow=True, **more)  # type: ignore[arg-type]
    assert [one.name for one in follow_sensors([found])] == [name]


def test_rollouts_from_the_command_line_are_brought_into_the_graph_once(
    opener: FakeOpener, instance: dg.DagsterInstance
) -> None:
    opened = opener.open()
    wish = redeploy.Wish(locations=["a"], asker=Asker("ada@laptop"))
    for commit in (FIRST, BAD):
        opener.world.heads["a"] = commit
        requests = redeploy.requests(opened.engine, opened.configuration, wish)
        apply.roll_out_all(opened.engine, requests, lambda name: SilentProgress())
    launch(opener, instance, "redeploy", locations=["b"])  # reported by its own run

    seen = tick(opener, instance, "rollout_records")
    events = seen.asset_events
    assert [
        (type(event).__name__, event.asset_key.path[-1])
        for event in events
        if event.asset_key.path[-1] == "a" and not isinstance(event, dg.AssetCheckEvaluation)
    ] == [
        ("AssetMaterialization", "a"),
        ("AssetObservation", "a"),
    ]
    assert not [event for event in events if event.asset_key.path[-1] == "b"]
    again = tick(opener, instance, "rollout_records", cursor=seen.cursor)
    assert again.skip_message == "nothing new"


def test_what_a_run_could_not_tell_is_told_when_it_has_ended(
    opener: FakeOpener, instance: dg.DagsterInstance
) -> None:
    job = definitions(opener).resolve_job_def("redeploy")
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    opened = opener.open()
    wish = redeploy.Wish(locations=["a"], asker=Asker("a run that lost its database", run_id=run.run_id))
    asked = redeploy.requests(opened.engine, opened.configuration, wish)
    apply.roll_out_all(opened.engine, asked, lambda name: SilentProgress())
    (record,) = opener.records("a")

    def at(moment: str) -> bool | None:
        return is_told(instance, record.model_copy(update={"ended_at": moment}))

    assert at(datetime.now(timezone.utc).isoformat()) is None, "its run may still tell"
    assert at("2020-01-01T00:00:00Z") is False, "it does not live any more"
    instance.report_run_failed(run)
    assert at(datetime.now(timezone.utc).isoformat()) is False
    told = list(tick(opener, instance, "rollout_records").asset_events)
    assert {one.asset_key.path[-1] for one in told} == {"a"}
    assert [type(one) for one in told[:2]] == [dg.AssetMaterialization, dg.AssetCheckEvaluation]


def test_only_old_looks_that_went_well_are_forgotten(opener: FakeOpener, tmp_path: Path) -> None:
    instance = dg.DagsterInstance.local_temp(
        str(tmp_path)
    )  # in memory no run has a time at which it was made
    looked, deployed = launch(opener, instance, "health_check"), launch(opener, instance, "plan")
    assert looked.success
    assert deployed.success
    crashed = instance.create_run_for_job(
        definitions(opener).resolve_job_def("health_check"), status=dg.DagsterRunStatus.FAILURE
    )
    now = datetime.now(timezone.utc)
    for days, gone in ((0, 0), (6.9, 0), (7.1, 1), (7.1, 0)):
        assert forget(instance, "health_check", "none", now + timedelta(days=days), 7) == gone
    left = {run.run_id for run in instance.get_runs()}
    assert left == {deployed.run_id, crashed.run_id}


def test_a_look_forgets_what_is_older_than_the_configuration_says(
    opener: FakeOpener, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    opener.file.write_text(FILE + "health: {kept_days: 3}")
    first = launch(opener, instance, "health_check")
    then = datetime.now(timezone.utc) + timedelta(days=4)
    found = []
    for minute in (30, 5):  # once an hour is enough
        at = then.replace(minute=minute)
        monkeypatch.setattr(checks, "datetime", SimpleNamespace(now=lambda zone, at=at: at))
        looked = launch(opener, instance, "health_check")
        assert looked.success
        found.append(looked.run_id)
        assert (first.run_id in {run.run_id for run in instance.get_runs()}) is (minute == 30)
    assert {run.run_id for run in instance.get_runs()} == {found[-1]}


def test_a_launch_that_says_who_made_it_is_recorded_so() -> None:
    told = requested_by(dg.build_op_context(run_tags={WHO_TAG: "ada"}))  # type: ignore[arg-type]
    assert told.endswith(" of ada")
    assert " of " not in requested_by(dg.build_op_context())  # type: ignore[arg-type]


def test_a_rollout_that_was_killed_before_anything_took_time_is_told_too() -> None:
    """The sensor that brings it into the graph failed at each tick."""
    killed = RolloutRecord(location="a", id="x", by="me", started_at="t", outcome=Outcome.INTERRUPTED)
    assert of_rollout(killed)["seconds"] == dg.MetadataValue.float(0.0)
