"""Two locations' assets compared through a target, and materialized in both first."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner, Result

from playground_ops.cli import session
from playground_ops.cli.compare_command import compare_command
from playground_ops.cli.console import findings_of
from playground_ops.config import read
from playground_ops.context import Reached, StackContext
from playground_ops.core.errors import BadInput, FindingKind, PlaygroundError
from playground_ops.core.loaded import Defined
from playground_ops.core.model import Location, Release, Revision
from playground_ops.core.produced import COMPARED, ROWS, CheckSeen, Produced
from playground_ops.core.progress import RolloutCancelled, SilentProgress
from playground_ops.engine.asset_sides import known
from playground_ops.engine.compare_assets import AssetComparison, compare_assets
from playground_ops.engine.context import Engine
from playground_ops.engine.materialize import Wish, materialize_and_compare
from playground_ops.targets.kubernetes.outside.ops_pod import fits
from tests.fakes import FakeTarget, World, finding
from tests.openers import FakeOpener, launch, told

COMMITS = {"a": "a" * 40, "b": "b" * 40}
FILE = """
deployments: [{name: next}]
code_locations: [{name: a}, {name: b, deployment: next}]
"""


def asset(name: str, version: str = "1", **fields: str) -> Defined:
    given = {"execution": "materialization", "code version": version, **fields}
    return Defined(kind="asset", name=name, repository="defs", fields=given)


def check(name: str) -> Defined:
    return Defined(kind="asset check", name=name, repository="defs")


def made(key: str, rows: int = 1, **fields: Any) -> Produced:
    fields = {"release": 1, "numbers": {ROWS: rows}, "at": "2030-01-01T00:00:00.000+00:00", **fields}
    return Produced(key=key, **fields)


@pytest.fixture
def world() -> World:
    """`a` in main and `b` in next, which differ in the code of `total`; both define `same` and `parts`."""
    found = World()
    for name, deployment in (("a", "main"), ("b", "next")):
        where = Location(name=name, repository="/x", deployment=deployment)
        revision = Revision(repository="/x", commit=COMMITS[name])
        release = Release(location=where, number=1, revision=revision, configuration="c", created_at="now")
        found.releases[name], found.served[name], found.serving[name] = {1: release}, {1: 1}, 1
        parts = asset("parts", version=name, partitions="Static 12345678")
        total = [asset("total", version=name), check("total:positive")]
        seen = asset("seen", version=name, execution="observation")
        found.defined[COMMITS[name]] = [*total, asset("same"), parts, seen]
        found.makes[name] = {"total": made("total", 10 if name == "a" else 20), "same": made("same")}
    return found


def engine(world: World, progress: SilentProgress | None = None) -> Engine:
    return Engine(FakeTarget(world), progress or SilentProgress(), world.clock)


def compared(world: World, select: list[str] | None = None) -> AssetComparison:
    target = FakeTarget(world)
    return compare_assets(target, known(target, ["a", "b"], "a", "b"), select)


def run(world: World, *select: str, seconds: float = 60.0, **more: Any) -> AssetComparison:
    found = engine(world, **more)
    both = known(found.target, ["a", "b"], "a", "b")
    return materialize_and_compare(found, both, Wish(select, seconds))


def test_what_both_one_and_neither_have_made(world: World) -> None:
    passes = CheckSeen(name="positive", state="passes")
    removed = CheckSeen(name="removed", state="fails")
    world.made = {
        "a": {
            "total": made("total", 10, checks=(passes, removed)),
            "seen": made("seen"),
            "gone": made("gone"),
        },
        "b": {"total": made("total", 5, release=None), "parts": made("parts")},
    }
    found = compared(world)
    (row,) = found.assets
    assert (row.before.commit, row.after.commit) == (COMMITS["a"], None)
    assert [one.name for one in row.checks] == ["positive"], "those that the code has now"
    assert (row.numbers[0].difference, row.numbers[0].relative) == (-5, -0.5)
    assert [(one.key, one.side, one.is_defined_by_other) for one in found.alone] == [
        ("parts", "b", True),
        ("seen", "a", True),
    ]
    assert found.neither == ("same",)
    assert found.summary() == (
        "from a (main) to b (next): 1 with other numbers, 0 alike, 1 made by a alone, 1 made by b alone, "
        "1 made by neither"
    )


def test_one_partition_that_both_have_made_is_compared(world: World) -> None:
    class Partitioned(FakeTarget):
        """Both have made x; then `b` made y."""

        def produced(self, location: Location, wanted: Any) -> list[Produced]:
            have = {"a": ["x"], "b": ["x", "y"]}[location.name]
            (one,) = wanted
            found = one.partition or have[-1]
            return [made("parts", len(found), partition=found)] if found in have else []

    target = Partitioned(world)
    found = compare_assets(target, known(target, ["a", "b"], "a", "b"), ["parts"])
    (row,) = found.assets
    assert (row.before.partition, row.after.partition, row.kind) == ("x", "x", "alike")


def test_nothing_alike_is_said_in_words(world: World) -> None:
    world.defined[COMMITS["b"]] = [asset("b/total"), asset("other")]
    assert compared(world).summary() == (
        "from a (main) to b (next): no asset of one has the key of an asset of the other: "
        "a has parts and 3 more, b has b/total and 1 more"
    )


def test_keys_that_begin_with_the_location_are_one_asset(world: World) -> None:
    for name in ("a", "b"):
        world.defined[COMMITS[name]] = [asset(f"{name}/total", version=name), check(f"{name}/total:positive")]
        state = CheckSeen(name="positive", state="passes" if name == "a" else "fails")
        world.makes[name] = {f"{name}/total": made(f"{name}/total", checks=(state,))}
    found = run(world, "b/total")
    (row,) = found.assets
    assert (row.key, row.before.key, row.after.key, row.kind) == ("total", "a/total", "b/total", "checks")
    assert found.without_location
    assert [one.keys for one in world.runs.values()] == [("a/total",), ("b/total",)]


def test_every_database_that_is_away_is_named(world: World) -> None:
    world.away = {"next"}
    with pytest.raises(PlaygroundError, match=r"deployment/next: Of deployment next, in which b is:"):
        compared(world)
    world.away = {"main", "next"}
    with pytest.raises(PlaygroundError) as raised:
        compared(world)
    assert [one.object for one in raised.value.findings] == ["deployment/main", "deployment/next"]


@pytest.mark.parametrize(
    ("sides", "said"),
    [
        (("a", "c"), "The locations are: a, b"),
        (("a", "a-1"), "Of a release alone"),
        (("a", "a"), "with itself"),
    ],
)
def test_sides_that_are_no_two_locations_are_bad_input(
    world: World, sides: tuple[str, str], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        known(FakeTarget(world), ["a", "b"], *sides)


def test_what_differs_in_code_version_is_materialized_in_both(world: World) -> None:
    world.run_looks = {"a": 2, "b": 40}
    found = run(world)
    assert [(one.location, one.keys, one.repository) for one in world.runs.values()] == [
        ("a", ("total",), "defs"),
        ("b", ("total",), "defs"),
    ]
    assert {one.tags[COMPARED] for one in world.runs.values()} == {"a b"}
    assert [row.key for row in found.assets] == ["total"], "nothing else was asked for"
    assert found.runs == ("http://127.0.0.1:3000/runs/run-1", "http://127.0.0.1:3000/runs/run-2")


@pytest.mark.parametrize(
    ("select", "said"),
    [
        ("totl", "The nearest one is total"),
        ("parts", "in a it has partitions"),
        ("seen", "a only observes it"),
        ("late", "a does not define it"),
    ],
)
def test_what_can_not_be_materialized_in_both_is_refused_before_anything_runs(
    world: World, select: str, said: str
) -> None:
    world.defined[COMMITS["b"]].append(asset("late"))
    with pytest.raises(BadInput, match=said):
        run(world, "total", select)
    assert world.runs == {}


def test_without_a_difference_in_code_there_is_nothing_to_run(world: World) -> None:
    world.defined[COMMITS["a"]] = world.defined[COMMITS["b"]] = [asset("same")]
    with pytest.raises(BadInput, match="Name the assets: `--select KEY`"):
        run(world)


def test_a_run_that_fails_is_told_with_its_page_after_the_other_has_ended(world: World) -> None:
    world.makes["a"]["total"] = finding(observed="ValueError: no table prices")
    world.run_looks = {"b": 5}
    with pytest.raises(PlaygroundError) as raised:
        run(world)
    assert len(raised.value.findings) == 1
    assert "It ran in a, deployment main. ValueError: no table prices" in raised.value.finding.observed
    assert "Its page: http://127.0.0.1:3000/runs/run-1" in raised.value.finding.fix
    assert "total" in world.made["b"], "the other was waited for"


def test_a_run_that_is_not_over_in_time_goes_on(world: World) -> None:
    world.run_looks = {"b": -1}
    with pytest.raises(PlaygroundError) as raised:
        run(world, seconds=30)
    assert 30 <= world.clock.now < 35
    (only,) = raised.value.findings
    assert (only.object, only.kind) == ("run/run-2", FindingKind.TRANSIENT)
    assert only.observed == "After 30 s the run of b is STARTED."
    assert "`compare a b --assets`" in only.fix


def test_of_two_repositories_each_gets_a_run_and_the_one_that_was_launched_is_told(world: World) -> None:
    other = asset("other").model_copy(update={"repository": "zoo"})
    for name in ("a", "b"):
        world.defined[COMMITS[name]].append(other)
        world.makes[name]["other"] = made("other")
    assert len(run(world, "same", "other").runs) == 4

    class Refusing(FakeTarget):
        def webserver(self, deployment: str = "main") -> Any:
            found = super().webserver(deployment)
            launch = found.launch

            def refuse(asked: Any) -> str:
                if asked.repository == "zoo":
                    raise PlaygroundError(finding(observed="it needs a configuration"))
                return launch(asked)

            found.launch = refuse  # type: ignore[method-assign]
            return found

    target = Refusing(world)
    both = known(target, ["a", "b"], "a", "b")
    with pytest.raises(PlaygroundError) as raised:
        materialize_and_compare(Engine(target, SilentProgress(), world.clock), both, Wish(["same", "other"]))
    assert [one.object for one in raised.value.findings] == ["release/x", "run/run-5"]


def test_a_webserver_that_stays_away_is_what_is_told_at_the_deadline(world: World) -> None:
    class Ending(SilentProgress):
        def say(self, message: str) -> None:
            world.overview = None if "is STARTED" in message else world.overview

    world.run_looks = {"a": 3, "b": 3}
    with pytest.raises(PlaygroundError) as raised:
        run(world, seconds=20, progress=Ending())
    assert [one.object for one in raised.value.findings] == [
        *("deployment/main", "deployment/next"),
        *("run/run-1", "run/run-2"),
    ]


def test_where_the_second_can_not_be_launched_the_first_is_told_to_go_on(world: World) -> None:
    class NextIsAway(FakeTarget):
        def webserver(self, deployment: str = "main") -> Any:
            found = super().webserver(deployment)
            if deployment == "next":
                found.world = replace(self.world, overview=None)
            return found

    target = NextIsAway(world)
    both = known(target, ["a", "b"], "a", "b")
    with pytest.raises(PlaygroundError) as raised:
        materialize_and_compare(Engine(target, SilentProgress(), world.clock), both, Wish())
    away, goes_on = raised.value.findings
    assert away.object == "deployment/next"
    assert (goes_on.object, goes_on.observed) == (
        "run/run-1",
        "This run of a goes on; nothing was compared.",
    )


def test_a_webserver_that_is_away_for_a_moment_does_not_end_the_wait(world: World) -> None:
    class Restarting(SilentProgress):
        def say(self, message: str) -> None:
            world.overview = None if "is STARTED" in message else world.overview

        def check(self) -> None:
            if world.clock.now > 10:
                world.overview = before

    before, world.run_looks = world.overview, {"a": 3, "b": 3}
    assert [row.key for row in run(world, progress=Restarting()).assets] == ["total"]
    assert world.clock.now > 10


def test_who_leaves_is_told_which_runs_go_on(world: World) -> None:
    class Leaving(SilentProgress):
        def check(self) -> None:
            if world.clock.now > 3:
                raise RolloutCancelled("stack")

    world.run_looks = {"a": 1, "b": -1}
    with pytest.raises(RolloutCancelled) as raised:
        run(world, progress=Leaving())
    assert raised.value.finding is not None
    assert findings_of(raised.value) == [raised.value.finding], "and not that a rollout was cancelled"
    assert "run run-2 of b (http://127.0.0.1:3000/runs/run-2)." in raised.value.finding.observed
    assert "run-1" not in raised.value.finding.observed


def command(world: World, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    opened = StackContext(read(FILE, Path("file.yaml")), engine(world))
    monkeypatch.setattr(session, "reach", lambda *_: Reached(lambda: opened))
    return CliRunner().invoke(compare_command, arguments, catch_exceptions=False)


def test_the_terminal_has_a_table_and_json_all_of_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    nan = {ROWS: 20, "mean": float("nan")}
    passes, fails = (CheckSeen(name="positive", state=state) for state in ("passes", "fails"))
    world.made = {
        "a": {"total": made("total", 10, checks=(passes,), seconds=1.0), "same": made("same")},
        "b": {"total": made("total", numbers=nan, checks=(fails,), seconds=1.5)},
    }
    shown = command(world, monkeypatch, "a", "b", "--assets")
    assert shown.exit_code == 0
    lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    assert lines[0] == "asset what a b difference"
    assert lines[2:8] == [
        "total made 2030-01-01 00:00:00 by aaaaaaaaaaaa 2030-01-01 00:00:00 by bbbbbbbbbbbb differs: checks",
        "check positive passes fails differs",
        "rows 10 20 +10 (+100.0 %)",
        "mean - nan differs",
        "seconds 1 1.5 +0.5 (+50.0 %)",
        "same made 2030-01-01 00:00:00 by aaaaaaaaaaaa never made by a alone",
    ]
    document = json.loads(
        command(world, monkeypatch, "a", "b", "--assets", "--json").stdout, parse_constant=None
    )
    assert document["assets"][0]["numbers"][1] == {
        **{"label": "mean", "before": None, "after": "NaN"},
        **{"difference": None, "relative": None},
    }
    assert [document[side]["deployment"] for side in ("before", "after")] == ["main", "next"]


@pytest.mark.parametrize("wrong", [("--select", "x"), ("--timeout", "5"), ("--assets", "--timeout", "5")])
def test_options_that_mean_nothing_are_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, wrong: tuple[str, ...]
) -> None:
    assert command(world, monkeypatch, "a", "b", *wrong).exit_code == 2


def test_the_job_has_the_table_and_the_runs_on_its_page(
    world: World, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    file = tmp_path / "file.yaml"
    file.write_text(FILE)
    opener = FakeOpener(world, file)
    world.run_looks = {"b": 1}
    result = launch(opener, instance, "compare", before="a", after="b", run=True)
    assert result.success
    (output,) = (event for event in result.all_events if event.is_successful_output)
    page = {name: value.value for name, value in output.step_output_data.metadata.items()}
    assert "| **total** | made |" in page["assets"]
    assert "|  | rows | 10 | 20 | +10 (+100.0 %) |" in page["assets"]
    assert page["run 2"] == "http://127.0.0.1:3000/runs/run-2"
    assert any("run-1 of a materializes total" in line for line in told(result, instance))


def test_inside_the_cluster_a_comparison_that_waits_for_runs_gets_a_job_of_its_own() -> None:
    assert fits(["compare", "a", "b", "--assets"])
    assert not fits(["compare", "a", "b", "--run"])
