"""What a location keeps on the volume that all share: measured, told, and when a rollout is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from playground_ops.checks import files
from playground_ops.checks.topic import Topic, is_urgent
from playground_ops.config import OPS, read
from playground_ops.core.component import Room
from playground_ops.core.errors import FindingKind, PlaygroundError, RolloutFailed
from playground_ops.core.files import Kept, SharedFiles
from playground_ops.core.model import Location, Outcome
from playground_ops.core.progress import SilentProgress
from playground_ops.engine.context import Engine
from playground_ops.engine.health.examine import examine
from playground_ops.engine.rollout import roll_out
from playground_ops.render import release
from playground_ops.render.names import LOCATIONS
from playground_ops.targets.common import walking
from playground_ops.targets.common.captured import cut
from playground_ops.targets.common.measuring import Folders, Measuring
from playground_ops.targets.kubernetes.homes import Homes
from playground_ops.targets.kubernetes.objects import kept_files
from playground_ops.targets.kubernetes.objects.kept_files import KeptFiles
from playground_ops.targets.local import child
from tests.fakes import FakeTarget
from tests.unit.test_health import CONFIGURATION, Well, told
from tests.unit.test_rollout import commit, request

GIB = 1024**3
WIDE = Room(object="claim/x", bytes_total=100 * GIB, bytes_free=50 * GIB)
SHORT = Room(object="claim/x", bytes_total=100 * GIB, bytes_free=GIB)
BOUND, FREE = Location(name="a", room="4Gi"), Location(name="a")


def shared(kept: float, room: Room = WIDE, count: int = 1) -> SharedFiles:
    parts = {"storage": int(kept * GIB)}
    largest = (("storage/big", int(kept * GIB)),)
    return SharedFiles(room=room, share=5 * GIB, kept={"a": Kept(parts=parts, largest=largest, files=count)})


@pytest.mark.parametrize(
    ("location", "kept", "room", "is_told", "is_refused"),
    [
        (BOUND, 3.0, WIDE, False, False),
        (BOUND, 3.5, WIDE, True, False),
        (BOUND, 4.5, WIDE, True, True),
        (FREE, 3.0, SHORT, False, False),
        (FREE, 4.5, SHORT, True, False),
        (FREE, 9.0, WIDE, True, False),
        (FREE, 9.0, SHORT, True, True),
    ],
)
def test_a_bound_that_was_set_counts_and_a_share_where_room_is_short(
    location: Location, kept: float, room: Room, is_told: bool, is_refused: bool
) -> None:
    found = files.of_location(location, shared(kept, room))
    assert bool(found) == is_told
    assert files.is_beyond(location, shared(kept, room)) == is_refused
    assert [is_urgent(Topic.ROOM, one) for one in found] == [is_refused] * len(found)


def test_the_sentence_has_location_bytes_bound_and_what_takes_the_room() -> None:
    told = files.refused(BOUND, shared(4.5))
    assert (told.kind, told.rejects) == (FindingKind.CAPACITY, False)
    for words in ("location/a", "4.5 GiB", "of the 4.0 GiB that it may", "of values", "storage/big"):
        assert words in told.sentence()


def test_many_small_files_are_beyond_its_share_where_inodes_are_short() -> None:
    short = Room(object="claim/x", bytes_total=GIB, bytes_free=GIB, inodes_total=1000, inodes_free=10)
    assert files.is_beyond(FREE, shared(0.1, short, count=900))
    assert not files.is_beyond(FREE, shared(0.1, short, count=90))


def test_what_is_not_seen_is_not_held_against_it() -> None:
    assert not files.is_beyond(BOUND, SharedFiles(room=SHORT, share=1))
    assert files.of_location(BOUND, SharedFiles()) == files.warnings(BOUND, SharedFiles()) == []


def test_what_its_code_closed_to_others_is_told() -> None:
    (found,) = files.of_location(BOUND, SharedFiles(kept={"a": Kept(closed=3)}))
    assert "3 of its folders and files can't be looked at" in found.sentence()


def test_health_names_the_location_and_what_runs_have_left() -> None:
    target = Well()
    of_runs = Kept(parts={"x": 60 * GIB}, largest=(("run-1", 59 * GIB),))
    target.world.files, target.world.of_runs = shared(9.0, SHORT), of_runs
    seen = examine(target, CONFIGURATION)
    assert told(seen.report) == [("a", "has_room", "location/a"), ("foundation", "has_room", "files/runs")]
    assert seen.numbers["a"]["files, MiB"] == 9 * 1024


def rolled_out(target: FakeTarget, **more: object) -> None:
    asked = request(location=Location(name="a", repository="/fake", ref="main", room="4Gi"), **more)
    roll_out(Engine(target, SilentProgress(), target.world.clock), asked)


def test_only_what_replaces_something_and_is_not_forced_is_refused() -> None:
    target = Well()
    target.world.files = shared(4.5)
    target.world.heads["a"] = commit(2)
    with pytest.raises(RolloutFailed, match="its next rollout is refused"):
        rolled_out(target)
    (*_, failed) = target.records("a")
    assert (failed.outcome, target.world.serving["a"]) == (Outcome.FAILED, 1)
    assert failed.release is None, "nothing was started"
    rolled_out(target, force=True)
    assert target.world.serving["a"] == 2
    rolled_out(target, action="heal", force=False, ref=commit(3))
    assert target.world.serving["a"] == 3
    target.world.files = shared(1.0)
    rolled_out(target, ref=commit(4))
    (*_, last) = target.records("a")
    assert (last.outcome, last.warnings) == (Outcome.DONE, ())


def test_a_first_rollout_is_warned_alone() -> None:
    target = Well()
    target.world.files = shared(4.5)
    target.world.serving.pop("a")
    rolled_out(target, ref=commit(2))
    assert any("4.5 GiB" in one for one in target.records("a")[-1].warnings)


def test_room_is_a_quantity_of_bytes() -> None:
    text = "code_locations: [{name: a, repo: /x, room: %s}]"
    (a,) = read(text % "4Gi", Path("x.yaml")).locations[:1]
    assert SharedFiles(share=1).bound(a) == 4 * GIB
    with pytest.raises(Exception, match="room"):
        read(text % "much", Path("x.yaml"))


def walked(folder: Path) -> Kept:
    walk = walking.Walk(folder, [folder])
    assert walk.go_on(60)
    return walk.kept


def a_file(path: Path, size: int = 100_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return path


def test_blocks_are_counted_once_and_no_link_is_followed(tmp_path: Path) -> None:
    outside = a_file(tmp_path / "outside" / "x", 5_000_000)
    mine = tmp_path / "mine"
    one = a_file(mine / "storage" / "asset" / "deep" / "x")
    os.link(one, one.with_name("again"))
    (mine / "storage" / "link").symlink_to(outside)
    (mine / "storage" / "loop").symlink_to(mine)
    with (mine / "sparse").open("wb") as file:
        file.truncate(50_000_000)
    os.mkfifo(mine / "storage" / "pipe")
    found = walked(mine)
    assert 100_000 <= found.bytes < 300_000
    assert found.largest[0][0] == "storage/asset"
    link = tmp_path / "theirs"
    link.symlink_to(tmp_path / "outside")
    assert walked(link).bytes < 100_000


def test_names_that_another_chose_are_shown_as_text(tmp_path: Path) -> None:
    a_file(tmp_path / "storage" / f"\x1b[2J\u202e{'n' * 200}" / "x")
    name = walked(tmp_path).largest[0][0]
    assert name.isprintable()
    assert len(name) < 120


def test_a_walk_ends_in_time_and_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        a_file(tmp_path / "files" / "storage" / str(number) / "x", 10_000)
    folders = {"a": Folders(tmp_path / "files", [tmp_path / "files"])}
    of_one = Measuring(tmp_path / "store")
    first = of_one.look(folders, 0.0)["a"]
    assert not first.is_whole
    looks = 0
    while not (last := of_one.look(folders, 0.0)["a"]).is_whole:
        looks += 1
        assert looks < 100
    assert last.bytes > 20 * 10_000 > first.bytes
    other_process = Measuring(tmp_path / "store")
    assert other_process.look(folders, 0.0)["a"] == last, "it reads what was measured"
    monkeypatch.setattr("time.time", lambda: 4e9)
    assert not Measuring(tmp_path / "store").look(folders, 0.0)["a"].is_whole, "which is of no use for ever"
    (tmp_path / "store").write_text("{")
    assert Measuring(tmp_path / "store").look(folders, 60)["a"].is_whole


def test_one_with_very_many_files_keeps_no_other_from_its_turn(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / "many" / str(number)).mkdir(parents=True)
    a_file(tmp_path / "few" / "x")
    folders = {name: Folders(tmp_path / name, [tmp_path / name]) for name in ("many", "few")}
    measuring = Measuring(tmp_path / "store")
    measuring.look({"many": folders["many"]}, 0.0)
    assert measuring.look(folders, 0.2)["few"].is_whole


def test_the_claim_is_seen_by_location(tmp_path: Path) -> None:
    a_file(tmp_path / "files" / "a" / "storage" / "x")
    a_file(tmp_path / "logs" / "run-1" / "compute_logs" / "x.out")
    (tmp_path / "own").mkdir()
    folders = [tmp_path / name for name in ("files", "own", "logs", "deployments")]
    homes = Homes(CONFIGURATION, tmp_path)
    seen = KeptFiles(CONFIGURATION, homes, *folders)
    found = seen.kept(["a", "ops"], 60)
    assert found.share == 5 * GIB
    assert found.kept["a"].parts["storage"] >= 100_000
    assert found.kept["ops"].bytes == 0
    of_runs = seen.of_runs(60)
    assert of_runs is not None
    assert of_runs.largest[0][0] == "run-1/compute_logs"
    a_file(tmp_path / "deployments" / "next" / "compute_logs" / "run-2" / "compute_logs" / "x.out")
    both = seen.of_runs(60)
    assert both is not None
    assert {name for name, _ in both.largest} >= {"run-1/compute_logs", "run-2/compute_logs"}
    assert both.bytes > of_runs.bytes
    away = KeptFiles(CONFIGURATION, homes, tmp_path / "nowhere")
    assert (away.kept(["a"], 60), away.of_runs(60)) == (SharedFiles(), None)


def test_the_pods_of_ops_alone_see_what_all_keep_and_write_nothing_there() -> None:
    for location in CONFIGURATION.all_locations:
        pod = release.template(release.any_release(location), CONFIGURATION, "code", release.Purpose({}))
        mounts = [one for one in pod["spec"]["containers"][0]["volumeMounts"] if one["name"] == "artifacts"]
        seen = [one for one in mounts if one.get("subPath") == LOCATIONS]
        assert [one["readOnly"] for one in seen] == [True] * (location.name == OPS.name)
        assert not [one for one in mounts if "subPath" not in one]


def test_what_a_run_prints_is_cut_and_what_it_goes_on_to_print_is_kept_until_the_next_time(
    tmp_path: Path,
) -> None:
    out = a_file(tmp_path / "run" / "compute_logs" / "x.out", 1_000_000)
    a_file(tmp_path / "run" / "compute_logs" / "x.err", 1000)
    with out.open("ab", buffering=0) as running:
        assert cut(tmp_path, "run", 400_000) > 1_000_000
        assert out.stat().st_size == 200_000
        running.write(b"later\n")
        text = out.read_text()
        assert text.startswith("x" * 1000)
        assert "cut here: 200000 bytes" in text
        assert text.endswith("printed later]\nlater\n")
    assert cut(tmp_path, "run", 400_000) == 0
    assert cut(tmp_path, "no-run", 1) == 0


def replaced_file(run: Path, victim: Path) -> None:
    (run / "compute_logs" / "x.out").symlink_to(victim)


def replaced_folder(run: Path, victim: Path) -> None:
    (run / "compute_logs").rmdir()
    (run / "compute_logs").symlink_to(victim.parent)


def replaced_run(run: Path, victim: Path) -> None:
    (run / "compute_logs").rmdir()
    run.rmdir()
    run.symlink_to(victim.parent.parent)


@pytest.mark.parametrize("change", [replaced_file, replaced_folder, replaced_run])
def test_nothing_is_cut_by_way_of_a_link(tmp_path: Path, change: Callable[[Path, Path], None]) -> None:
    victim = a_file(tmp_path / "own" / "compute_logs" / "x", 100_000)
    run = tmp_path / "logs" / "run"
    (run / "compute_logs").mkdir(parents=True)
    change(run, victim)
    assert cut(tmp_path / "logs", "run", 10) == 0
    assert victim.stat().st_size == 100_000


def test_the_log_of_a_process_is_bounded_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "LOG_BYTES", 1000)
    monkeypatch.setattr(child, "MOST_LOG_BYTES", 5000)
    log = a_file(tmp_path / "logs" / "a-1.log", 4000)
    child.cut_log(tmp_path, "a-1")
    assert log.stat().st_size == 4000
    with log.open("ab", buffering=0) as running:
        running.write(b"y" * 2000)
        child.cut_log(tmp_path, "a-1")
        running.write(b"later")
    assert log.read_bytes() == b"later"
    assert (tmp_path / "logs" / "a-1.log.1").read_bytes() == b"y" * 1000
    child.cut_log(tmp_path, "none")


def test_what_runs_print_is_cut_in_each_deployment_and_a_fault_of_one_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = read("deployments: [{name: next}, {name: other}]", Path("x.yaml"))
    monkeypatch.setenv("DAGSTER_PG_PASSWORD_OTHER", "word")
    asked = []

    def cut_runs(home: Path, base: Path, most: int) -> list[str]:
        asked.append((home.name, base.relative_to(tmp_path)))
        return [f"cut in {home.name}"] if home.name == "other" else []

    monkeypatch.setattr(kept_files, "cut_runs", cut_runs)
    folders = [tmp_path / name for name in ("files", "own", "logs", "deployments")]
    seen = KeptFiles(two, Homes(two, tmp_path / "home"), *folders)
    assert seen.cut_logs(1) == ["cut in other"]
    assert asked == [("home", Path("logs")), ("other", Path("deployments/other/compute_logs"))]
    alone = read("deployments: [{name: next}]", Path("x.yaml"))
    with pytest.raises(PlaygroundError, match="no password of its database"):
        KeptFiles(alone, Homes(alone, tmp_path / "home"), *folders).cut_logs(1)
