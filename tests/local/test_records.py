"""Releases and records as files: written atomically, never reused, healed."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from playground_ops.core import decisions
from playground_ops.core.errors import FindingKind, PlaygroundError
from playground_ops.core.model import Location, Outcome, Release, Revision, RolloutRecord
from playground_ops.targets.local.folder import read_value, write_atomically
from playground_ops.targets.local.own_folder import runtime_folder
from playground_ops.targets.local.processes import ProcessSpec, write_spec
from playground_ops.targets.local.releases import KEPT_RECORDS, RecordFiles, ReleaseFiles
from playground_ops.targets.local.target import LocalTarget

HERE = Location(name="a")


def release(number: int) -> Release:
    revision = Revision(repository=None, commit="1" * 40)
    return Release(location=HERE, number=number, revision=revision, configuration="c", created_at="t")


def record(number: int, outcome: Outcome | None = Outcome.DONE) -> RolloutRecord:
    return RolloutRecord(
        location="a",
        id=f"{number:032x}",
        by="me",
        started_at="t",
        ended_at="u",
        outcome=outcome,
        release=release(number),
    )


def test_a_release_is_never_modified(tmp_path: Path) -> None:
    files = ReleaseFiles(tmp_path)
    files.add(release(1))
    files.add(release(1))
    with pytest.raises(ValueError, match="another one"):
        files.add(release(1).model_copy(update={"configuration": "other"}))
    assert files.all() == [release(1)]


def test_records_are_replaced_by_id_and_keep_their_order(tmp_path: Path) -> None:
    files = RecordFiles(tmp_path)
    for number in (3, 1, 2):
        files.save(record(number, None))
    files.save(record(3))
    assert [(found.id[-1], found.outcome) for found in files.all()] == [
        ("3", Outcome.DONE),
        ("1", None),
        ("2", None),
    ]


def test_only_the_last_records_are_kept(tmp_path: Path) -> None:
    files = RecordFiles(tmp_path)
    for number in range(1, KEPT_RECORDS + 11):
        files.save(record(number))
    assert [found.release.number for found in files.all()] == list(range(11, KEPT_RECORDS + 11))


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"number": "x"}', "\x00\xff"])
def test_a_corrupted_release_of_a_live_process_is_written_anew_from_its_record(
    tmp_path: Path, content: str
) -> None:
    target = LocalTarget(tmp_path / "state", tmp_path)
    try:
        target.record(record(1))
        files = ReleaseFiles(target.folder.location("a"))
        files.add(release(1))
        files.mark_served(release(1), "t")
        write_spec(target.folder.root, ProcessSpec(name="a-1", argv=("x",), cwd="/"))
        (target.folder.location("a") / "releases" / "1.json").write_text(content)
        target.releases("a")  # sets it aside
        assert [found.release for found in target.releases("a")] == [release(1)]
        assert target.next_number("a") == 2
    finally:
        runtime_folder(tmp_path / "state").unlink()


def test_a_number_is_never_used_again(tmp_path: Path) -> None:
    target = LocalTarget(tmp_path, tmp_path)
    assert target.next_number("a") == 1
    target.record(record(7, Outcome.FAILED))
    assert target.next_number("a") == 8


def test_a_full_disk_leaves_the_old_content_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.json"
    write_atomically(path, "old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PlaygroundError) as refused:
        write_atomically(path, "new")
    assert refused.value.finding.kind is FindingKind.CAPACITY
    assert "No space left" in refused.value.finding.observed
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["file.json"]


def test_what_is_no_value_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    assert read_value(path, Release) is None
    path.write_text("{")
    assert read_value(path, Release) is None
    assert path.with_name("x.json.corrupt").read_text() == "{"


def test_which_one_served_last_does_not_hang_on_the_clock(tmp_path: Path) -> None:
    target = LocalTarget(tmp_path, tmp_path)
    files = ReleaseFiles(target.folder.location("a"))
    try:
        for number, at in ((1, "2030"), (2, "2020"), (3, "2010")):
            files.add(release(number))
            files.mark_served(release(number), at)
        warm = decisions.previous(target.releases("a"))
        assert warm is not None
        assert (warm.release.number, warm.served_at) == (3, "2010")
    finally:
        runtime_folder(tmp_path).unlink()
