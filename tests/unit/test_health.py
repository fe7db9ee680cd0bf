"""A stack examined through its target: what is reported for which component, and what is not reported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from playground_ops.checks.topic import Report, Topic, merge, worst_first
from playground_ops.config import read
from playground_ops.core.component import (
    Component,
    ComponentStatus,
    Database,
    Heartbeat,
    Overview,
    Room,
    Storage,
    UnderWay,
)
from playground_ops.core.errors import Finding, FindingKind, PlaygroundError
from playground_ops.core.loaded import Shown
from playground_ops.core.model import LiveRelease, Phase, RolloutRecord
from playground_ops.core.progress import SilentProgress
from playground_ops.diagnose.database import explain_database
from playground_ops.engine.context import Engine
from playground_ops.engine.health.examine import AGAIN_SECONDS, examine, examine_twice, parts_of, sources
from playground_ops.engine.rollout import roll_out
from tests.fakes import FakeTarget, FakeWebserver, World
from tests.unit.test_rollout import commit, request

FILE = "code_locations: [{name: a, repo: {url: https://git.test/a.git}}]"
CONFIGURATION = read(FILE, Path("x.yaml"))


class Well(FakeTarget):
    """A stack whose processes run and whose locations serve, until a test says otherwise."""

    def __init__(self) -> None:
        world = World(heads={"a": commit(1), "ops": commit(1)})
        for name in ("a", "ops"):
            location = next(one for one in CONFIGURATION.all_locations if one.name == name)
            asked = request(location=location.model_copy(update={"repository": "/fake", "ref": "main"}))
            roll_out(Engine(FakeTarget(world), SilentProgress(), world.clock), asked)
        super().__init__(world)
        found = [
            Component(name=name, kind=name, settings={"port": "3000"})  # type: ignore[arg-type]
            for name in ("webserver", "daemon")
        ]
        self.stack.wanted, self.stack.live = found, found


@pytest.fixture
def target() -> Well:
    return Well()


def told(found: Report) -> list[tuple[str, str, str]]:
    return [(name, topic.value, finding.object) for name, topic, finding in worst_first(found)]


def test_what_is_well_has_every_check_and_no_finding(target: Well) -> None:
    found = examine(target, CONFIGURATION).report
    assert told(found) == []
    (more, ahead) = sources(target, CONFIGURATION)
    merge(found, more)
    assert (told(found), ahead) == ([], [])
    assert {name: tuple(topics) for name, topics in found.items()} == parts_of(CONFIGURATION, False)
    assert set(parts_of(CONFIGURATION, True)) - set(found) == {"postgres"}


def test_what_dagster_tells_is_told_where_it_belongs(target: Well) -> None:
    run = UnderWay(run_id="r", job="j", location="a", status="QUEUED", seconds=9000)
    silent = Heartbeat(daemon="SENSOR", required=True, age_seconds=900)
    target.world.overview = Overview(heartbeats=(silent,), runs=(run,))
    assert told(examine(target, CONFIGURATION).report) == [
        ("daemon", "healthy", "component/daemon"),
        ("a", "runs_go_on", "run/r"),
    ]


def test_a_configuration_that_was_not_deployed_is_a_warning(target: Well) -> None:
    changed = target.stack.wanted[0].model_copy(update={"settings": {"port": "80"}})
    target.stack.wanted = [changed, target.stack.wanted[1]]
    assert told(examine(target, CONFIGURATION).report) == [
        ("webserver", "as_configured", "component/webserver")
    ]
    assert not Topic.AS_CONFIGURED.is_urgent


@pytest.mark.parametrize(
    ("b", "expected"),
    [
        ("{name: b}", [("b", "healthy", "location/b")]),
        ("{name: b, shared_assets: warn}", []),
        ("{name: b, deployment: next}", []),
    ],
)
def test_a_pair_with_the_same_asset_keys_is_red_once(b: str, expected: list[tuple[str, str, str]]) -> None:
    target = Well()
    configuration = read(f"deployments: [{{name: next}}]\ncode_locations: [{{name: a}}, {b}]", Path("x.yaml"))
    target.world.heads["b"] = commit(2)
    target.world.assets |= {commit(1): ("prices",), commit(2): ("prices", "total")}
    locations = {one.name: one for one in configuration.locations}
    shares = locations["b"].model_copy(update={"shared_assets": "warn"})
    roll_out(Engine(target, SilentProgress(), target.world.clock), request(location=shares))
    there = [Component(name=f"{name}-next", kind=name, settings={}) for name in ("webserver", "daemon")]  # type: ignore[arg-type]
    target.stack.wanted = target.stack.live = [*target.stack.wanted, *there]
    found = told(examine(target, configuration).report)
    assert found == expected


def test_of_a_location_that_left_and_is_still_there_the_plan_tells(
    target: Well, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = [*target.stack.component_status(), ComponentStatus(name="left", kind="location", ready=False)]
    monkeypatch.setattr(target.stack, "component_status", lambda: status)
    assert told(examine(target, CONFIGURATION).report) == []
    target.stack.live = [*target.stack.live, Component(name="left", kind="location", settings={})]
    assert told(examine(target, CONFIGURATION).report) == [("foundation", "as_configured", "component/left")]


def test_what_can_not_be_looked_at_is_a_finding_of_its_own(
    target: Well, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = Finding(kind=FindingKind.TRANSIENT, object="api/server", observed="x", cause="y", fix="z")
    releases = target.releases

    def away(name: str) -> Sequence[LiveRelease]:
        if name == "a":
            raise PlaygroundError(finding)
        return releases(name)

    monkeypatch.setattr(target, "releases", away)
    assert told(examine(target, CONFIGURATION).report) == [("a", "healthy", "api/server")]


def test_a_rollout_that_is_under_way_is_not_held_against_its_location(
    target: Well, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeWebserver, "shown", lambda self, location: _another())
    assert told(examine(target, CONFIGURATION).report) == [
        ("ops", "healthy", "location/ops"),
        ("a", "healthy", "location/a"),
    ]
    now = target.world.clock.utc_now()
    target.record(RolloutRecord(location="a", id="ff" * 16, by="ada", started_at=now, phase=Phase.CONFIRM))
    monkeypatch.setattr("playground_ops.checks.leftovers.SLACK_SECONDS", 1e12)
    assert told(examine(target, CONFIGURATION).report) == [("ops", "healthy", "location/ops")]


def _another() -> Shown:

    return Shown(server_id="another")


def test_what_has_passed_at_a_second_look_is_not_told(target: Well, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, silent = target.world.clock, Heartbeat(daemon="SENSOR", required=True, age_seconds=900)
    seen = [Overview(heartbeats=(silent,)), Overview()]
    monkeypatch.setattr(FakeWebserver, "overview", lambda self: seen.pop(0))
    began = clock.monotonic()
    assert told(examine_twice(target, CONFIGURATION, clock).report) == []
    assert clock.monotonic() - began == AGAIN_SECONDS

    seen += [Overview(heartbeats=(silent,))] * 2
    assert told(examine_twice(target, CONFIGURATION, clock).report) == [
        ("daemon", "healthy", "component/daemon")
    ]

    seen += [Overview()]
    began = clock.monotonic()
    assert told(examine_twice(target, CONFIGURATION, clock).report) == []
    assert clock.monotonic() == began, "one look is enough where all is well"


def test_a_webserver_that_missed_a_switch_is_told_to_look_again(target: Well) -> None:
    target.world.misses_switches = True
    target.world.missed["a"] = 7
    assert told(examine(target, CONFIGURATION).report) == [("a", "healthy", "location/a")]
    assert target.world.missed == {"a": 7}, "who only asks changes nothing"
    assert told(examine_twice(target, CONFIGURATION, target.world.clock).report) == []
    assert target.world.missed == {}


def test_a_disk_that_fills_up_and_a_database_without_room_are_told(target: Well) -> None:
    full = Room(object="disk of /x", bytes_total=100 * 1024**3, bytes_free=1024**3)
    crowded = Database(bytes_used=1, connections=96, most_connections=97)
    target.world.storage = Storage(database=crowded, of_files=full)
    assert told(examine(target, CONFIGURATION).report) == [
        ("foundation", "has_room", "database/dagster"),
        ("foundation", "has_room", "disk of /x"),
    ]


def test_a_database_that_does_not_answer_is_red_and_what_could_not_be_written_into_it_is_not(
    target: Well,
) -> None:
    silent = Heartbeat(daemon="SENSOR", required=True, age_seconds=900)
    target.world.overview = Overview(heartbeats=(silent,))
    target.world.storage = PlaygroundError(explain_database("Connection refused"))
    assert told(examine(target, CONFIGURATION).report) == [("foundation", "healthy", "database/dagster")]


def test_a_ref_that_has_moved_on_is_told_and_no_fault(target: Well) -> None:
    target.world.heads["a"] = "f" * 40
    found, (sentence,) = sources(target, CONFIGURATION)
    assert told(found) == []
    assert sentence.startswith(f"a: HEAD leads to {12 * 'f'}; {commit(1)[:12]} serves, since ")


def test_a_repository_that_does_not_answer_is_yellow(target: Well, monkeypatch: pytest.MonkeyPatch) -> None:
    finding = Finding(kind=FindingKind.TRANSIENT, object="repository/x", observed="x", cause="y", fix="z")
    monkeypatch.setattr(target, "resolve_all", lambda wanted: [finding for _ in wanted])
    assert told(sources(target, CONFIGURATION)[0]) == [("a", "source", "repository/x")]

    def away(wanted: object) -> None:
        raise PlaygroundError(finding)

    monkeypatch.setattr(target, "resolve_all", away)
    assert told(sources(target, CONFIGURATION)[0]) == [("a", "source", "repository/x")]
    assert not Topic.SOURCE.is_urgent
