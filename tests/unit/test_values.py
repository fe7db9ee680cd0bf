"""Values of earlier releases get a folder of their location: whose they are, and what is never followed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from playground_ops.targets.kubernetes.inside.moving import owners
from playground_ops.targets.kubernetes.inside.value_files import Key, move

RUN, ANOTHER = "01234567-0123-0123-0123-0123456789ab", "fedcba98-0123-0123-0123-0123456789ab"
OWNERS: dict[Key, set[str]] = {
    ("prices",): {"a"},
    ("prices", "deep"): {"b"},
    ("shared",): {"a", "b"},
    (RUN,): {"b"},
}


def written(root: Path, *places: str) -> None:
    for place in places:
        file = root / "storage" / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(place)


def of(root: Path, location: str) -> dict[str, str]:
    """Return the location's values by their paths."""
    folder = root / "locations" / location / "storage"
    return {
        file.relative_to(folder).as_posix(): file.read_text() for file in folder.rglob("*") if file.is_file()
    }


def test_each_location_gets_what_it_wrote_and_the_old_names_go_at_the_end(tmp_path: Path) -> None:
    written(tmp_path, "prices/2026", "prices/deep/x", "shared", f"{RUN}/step/result", "unknown/x")
    first = move(tmp_path, OWNERS, finish=False)
    assert (first.files, first.left) == (5, ["unknown/x"])
    assert of(tmp_path, "a") == {"prices/2026": "prices/2026", "shared": "shared"}
    assert sorted(of(tmp_path, "b")) == sorted(["prices/deep/x", "shared", f"{RUN}/step/result"])
    assert (tmp_path / "storage" / "prices" / "2026").read_text() == "prices/2026", "runs go on with it"

    (tmp_path / "storage" / "prices" / "2026").write_text("later")
    written(tmp_path, "prices/2027")
    assert of(tmp_path, "a")["prices/2026"] == "later", "it is the same file"
    (tmp_path / "locations" / "b" / "storage" / "shared").write_text("its own by now")
    assert of(tmp_path, "a")["shared"] == "shared", "a copy"

    last = move(tmp_path, OWNERS, finish=True)
    assert (last.files, last.left) == (1, ["unknown/x"])
    assert of(tmp_path, "a")["prices/2027"] == "prices/2027"
    assert of(tmp_path, "b")["shared"] == "its own by now"
    left = [file for file in (tmp_path / "storage").rglob("*") if file.is_file()]
    assert left == [tmp_path / "storage" / "unknown" / "x"], "what nobody knows is not removed"
    assert sorted(one.name for one in (tmp_path / "storage").iterdir()) == ["unknown"]
    assert move(tmp_path, OWNERS, finish=True).files == 0


def test_what_a_location_wrote_since_is_not_replaced_by_what_is_older(tmp_path: Path) -> None:
    written(tmp_path, "prices/1")
    os.utime(tmp_path / "storage" / "prices" / "1", (1e9, 1e9))
    new = tmp_path / "locations" / "a" / "storage" / "prices" / "1"
    new.parent.mkdir(parents=True)
    new.write_text("new")
    assert move(tmp_path, OWNERS, finish=True).files == 0
    assert new.read_text() == "new"


def _a_link_to_a_file(root: Path) -> None:
    (root / "storage" / "prices").mkdir(parents=True)
    (root / "storage" / "prices" / "x").symlink_to(root / "secret")


def _a_link_to_a_folder(root: Path) -> None:
    (root / "storage").mkdir()
    (root / "storage" / "prices").symlink_to(root)


def _a_link_for_all(root: Path) -> None:
    (root / "storage").symlink_to(root)
    (root / "prices").write_text("x")


def _a_pipe(root: Path) -> None:
    (root / "storage" / "shared").mkdir(parents=True)
    os.mkfifo(root / "storage" / "shared" / "x")


@pytest.mark.parametrize("attack", [_a_link_to_a_file, _a_link_to_a_folder, _a_link_for_all, _a_pipe])
def test_no_link_of_a_location_is_followed_to_what_is_another_s(
    tmp_path: Path, attack: Callable[[Path], None]
) -> None:
    (tmp_path / "secret").write_text("of another location")
    attack(tmp_path)
    try:
        moved = move(tmp_path, OWNERS, finish=True).files
    except OSError:
        moved = 0
    assert moved == 0
    assert of(tmp_path, "a") == of(tmp_path, "b") == {}
    assert (tmp_path / "secret").exists()


def test_no_link_of_a_location_leads_into_another_one_s_folder(tmp_path: Path) -> None:
    written(tmp_path, "prices/1")
    (tmp_path / "locations" / "b" / "storage").mkdir(parents=True)
    (tmp_path / "locations" / "a").mkdir()
    (tmp_path / "locations" / "a" / "storage").symlink_to("../b/storage")
    written(tmp_path, "shared")
    assert move(tmp_path, OWNERS, finish=True).left == ["prices/1", "shared"], "and the deploy goes on"
    assert of(tmp_path, "b") == {}
    assert (tmp_path / "storage" / "prices" / "1").exists()


def test_a_value_is_of_the_locations_whose_runs_wrote_it(tmp_path: Path) -> None:
    written(tmp_path, "prices", f"{RUN}/step/result", f"{ANOTHER}/step/result")
    runs = {"1": "a", "2": "b", RUN: "b"}
    assets: dict[Key, list[str]] = {("prices",): ["1", "2", "3"], ("elsewhere",): ["1"]}
    assert owners(tmp_path / "storage", assets, runs.get) == {("prices",): {"a", "b"}, (RUN,): {"b"}}
    assert owners(tmp_path / "missing", assets, runs.get) == {}
