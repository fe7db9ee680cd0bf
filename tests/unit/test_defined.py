"""What a person is told of a change in real definitions, as a server of Dagster's own serializes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._serdes import deserialize_value, serialize_value

from playground_ops.core.changes import changes
from playground_ops.core.loaded import Defined
from playground_ops.engine.compare import differences
from playground_ops.targets.common.defined import defined

Condition = dg.AutomationCondition


def loaded(**of: Any) -> list[Defined]:
    """Return what a server with these definitions sends, as it is read on the other side."""
    repository = dg.Definitions(**of).get_repository_def()
    sent = serialize_value(RepositorySnap.from_def(repository, defer_snapshots=True))
    return list(defined(deserialize_value(sent, RepositorySnap)))


def told(before: dict[str, Any], after: dict[str, Any]) -> str:
    return changes(differences(loaded(**before), loaded(**after)), 1).sentence().partition(": ")[2]


def asset(**fields: Any) -> dict[str, Any]:
    @dg.asset(name="x", **fields)
    def made() -> None: ...

    return {"assets": [made]}


class MyCondition(dg.AutomationCondition[dg.AssetKey]):
    """One that Dagster can't send: the server tells only what it is called."""

    def evaluate(self, context: Any) -> Any:
        raise NotImplementedError


def dates(start: str, **more: Any) -> dg.PartitionsDefinition[str]:
    return dg.DailyPartitionsDefinition(start, **more)


DAILY = {"partitions_def": dates("2024-01-01")}
STATIC = dg.StaticPartitionsDefinition
MULTI = dg.MultiPartitionsDefinition
ASSETS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"code_version": "1"}, {"code_version": "2"}, "code version 1 -> 2"),
    ({}, {"code_version": "2"}, "code version none -> 2"),
    (
        {"partitions_def": dates("2024-01-01")},
        {"partitions_def": dg.HourlyPartitionsDefinition("2024-01-01-00:00")},
        "partitions daily from 2024-01-01 -> hourly from 2024-01-01",
    ),
    (
        {"partitions_def": dates("2024-01-01")},
        {"partitions_def": dates("2024-01-01", timezone="Europe/Berlin")},
        "partitions daily from 2024-01-01 -> daily from 2024-01-01 in Europe/Berlin",
    ),
    (
        {"partitions_def": dates("2024-01-01")},
        {"partitions_def": dates("2024-01-01", end_offset=1)},
        "partitions",
    ),
    ({"partitions_def": STATIC(["a", "b"])}, {"partitions_def": STATIC(["a", "c"])}, "partitions"),
    (
        {"partitions_def": STATIC(["a"])},
        {"partitions_def": dg.DynamicPartitionsDefinition(name="customers")},
        "partitions static, 1 keys -> dynamic, customers",
    ),
    (
        {},
        {"partitions_def": MULTI({"day": dates("2024-01-01"), "of": STATIC(["a"])})},
        "partitions none -> day: daily from 2024-01-01 x of: stati..",
    ),
    (
        {"automation_condition": Condition.eager()},
        {"automation_condition": Condition.on_cron("0 5 * * *")},
        "automation condition eager -> on_cron(0 5 * * *, UTC)",
    ),
    ({}, {"automation_condition": Condition.eager()}, "automation condition none -> eager"),
    (
        {"automation_condition": Condition.eager().with_label("mine")},
        {"automation_condition": Condition.on_missing().with_label("mine")},
        "automation condition",
    ),
    (
        {"automation_condition": Condition.missing() & Condition.in_latest_time_window()},
        {"automation_condition": Condition.missing()},
        "automation condition AND(missing, in_latest_time_window) -> missing",
    ),
    (
        {"automation_condition": MyCondition() & Condition.missing()},
        {"automation_condition": MyCondition() & Condition.in_progress()},
        "automation condition",
    ),
    (
        {"backfill_policy": dg.BackfillPolicy.single_run(), **DAILY},
        {"backfill_policy": dg.BackfillPolicy.multi_run(7), **DAILY},
        "backfill policy all in one run -> 7 in a run",
    ),
    ({"kinds": {"python"}}, {"kinds": {"python", "duckdb"}}, "kinds python -> duckdb, python"),
    ({"group_name": "raw"}, {"group_name": "clean"}, "group raw -> clean"),
    ({"deps": ["y"]}, {"deps": ["y", "z"]}, "depends on y -> y, z"),
    (
        {"deps": [dg.AssetDep("y", partition_mapping=dg.AllPartitionMapping())], **DAILY},
        {"deps": [dg.AssetDep("y", partition_mapping=dg.LastPartitionMapping())], **DAILY},
        "partition mappings",
    ),
    ({"owners": ["ada@x.org"]}, {"owners": ["team:core"]}, "owners ada@x.org -> team:core"),
    ({"pool": "one"}, {"pool": "two"}, "pools one -> two"),
]


@pytest.mark.parametrize(("before", "after", "said"), ASSETS)
def test_what_changes_about_an_asset_is_told(
    before: dict[str, Any], after: dict[str, Any], said: str
) -> None:
    found = told(asset(**before), asset(**after))
    assert f"1 asset changed: x ({said}" in found.replace("depends on y -> y, z, ", "")
    assert told(asset(**after), asset(**after)) == "no definition changes"


def test_a_description_and_metadata_change_nothing() -> None:
    assert told(asset(description="a"), asset(description="b", metadata={"x": 1})) == "no definition changes"


@dg.op
def one() -> None: ...


@dg.op
def other() -> None: ...


def job(op: Callable[[], Any], **more: Any) -> dg.JobDefinition:
    @dg.job(name="load", **more)
    def made() -> None:
        op()

    return made


def check(**fields: Any) -> dict[str, Any]:
    @dg.asset_check(asset="x", name="sane", **fields)
    def made() -> dg.AssetCheckResult:
        raise NotImplementedError

    return {"asset_checks": [made]}


class Store(dg.ConfigurableResource):  # type: ignore[type-arg]
    host: str
    password: str


def schedule(cron: str, **more: Any) -> dict[str, Any]:
    return {"schedules": [dg.ScheduleDefinition(name="nightly", job=job(one), cron_schedule=cron, **more)]}


def sensor(**more: Any) -> dict[str, Any]:
    @dg.sensor(name="look", job=job(one), **more)
    def made() -> None: ...

    return {"sensors": [made]}


def store(host: str, password: Any) -> dict[str, Any]:
    return {"resources": {"store": Store(host=host, password=password)}}


OTHERS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {"jobs": [job(one)]}, "1 job added (load)"),
    ({"jobs": [job(one)]}, {}, "1 job removed (load)"),
    ({"jobs": [job(one)]}, {"jobs": [job(other)]}, "1 job changed: load (definition)"),
    (asset(), asset() | check(), "1 asset check added (x:sane)"),
    (
        asset() | check(),
        asset() | check(blocking=True),
        "1 asset check changed: x:sane (blocking False -> True)",
    ),
    (
        asset() | check(automation_condition=Condition.eager()),
        asset() | check(automation_condition=Condition.on_missing()),
        "1 asset check changed: x:sane (automation condition eager -> on_missing)",
    ),
    (
        schedule("0 3 * * *"),
        schedule("0 4 * * *"),
        "1 schedule changed: nightly (cron 0 3 * * * -> 0 4 * * *)",
    ),
    (
        schedule("0 3 * * *"),
        schedule("0 3 * * *", default_status=dg.DefaultScheduleStatus.RUNNING),
        "1 schedule changed: nightly (default none -> running)",
    ),
    (
        sensor(minimum_interval_seconds=30),
        sensor(minimum_interval_seconds=60),
        "1 sensor changed: look (seconds 30 -> 60)",
    ),
    ({}, store("x", "p"), "1 resource added (store)"),
    (
        store("x", "p"),
        store("x", dg.EnvVar("P")),
        "1 resource changed: store (field password *** -> EnvVar P)",
    ),
    (store("x", "p"), store("y", "p"), "1 resource changed: store (field host)"),
]


@pytest.mark.parametrize(("before", "after", "said"), OTHERS)
def test_what_changes_about_anything_else_is_told(
    before: dict[str, Any], after: dict[str, Any], said: str
) -> None:
    assert said in told(before, after).split("; ")
    assert told(after, after) == "no definition changes"


def test_a_resource_s_values_are_nowhere_and_can_not_be_guessed_from_what_is() -> None:
    (found,) = loaded(**store("db.internal", "hunter2"))
    assert "hunter2" not in found.model_dump_json()
    assert "db.internal" not in found.model_dump_json()
    (same,) = loaded(**store("hunter2", "hunter2"))
    assert same.hidden["field host"] == found.hidden["field password"], "only within this process"
