from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from playground_ops.core.errors import PlaygroundError
from playground_ops.diagnose.git_errors import is_lacking
from playground_ops.targets.common.sources import content_hash
from playground_ops.targets.local.checkouts import Checkouts
from tests.projects import commit_all, git, repository


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    place = repository(tmp_path / "origin")
    (place / "code.py").write_text("VERSION = 1\n")
    commit_all(place, "one")
    (place / "code.py").write_text("VERSION = 2\n")
    (place / "run.sh").write_text("#!/bin/sh\n")
    (place / "run.sh").chmod(0o755)
    (place / "link.py").symlink_to("code.py")
    commit_all(place, "two")
    return place


@pytest.fixture
def checkouts(tmp_path: Path) -> Checkouts:
    return Checkouts(tmp_path / "checkouts", tmp_path / "repositories")


def head(place: Path, name: str = "HEAD") -> str:
    return git(place, "rev-parse", name)


def silent(line: str) -> None: ...


def test_two_commits_lie_side_by_side(origin: Path, checkouts: Checkouts) -> None:
    new = checkouts.ensure(str(origin), head(origin), silent)
    old = checkouts.ensure(str(origin), head(origin, "HEAD~1"), silent)
    assert (new / "code.py").read_text() == "VERSION = 2\n"
    assert (old / "code.py").read_text() == "VERSION = 1\n"
    assert os.access(new / "run.sh", os.X_OK)
    assert (new / "link.py").read_text() == "VERSION = 2\n"
    assert new.name == head(origin)
    assert new == checkouts.path(head(origin))


def test_it_is_an_ordinary_repository_with_nothing_changed_in_it(origin: Path, checkouts: Checkouts) -> None:
    place = checkouts.ensure(str(origin), head(origin), silent)
    assert git(place, "rev-parse", "HEAD") == head(origin)
    assert git(place, "status", "--porcelain") == ""


def test_it_stays_when_the_repository_and_the_mirror_are_gone(origin: Path, checkouts: Checkouts) -> None:
    commit = head(origin)
    place = checkouts.ensure(str(origin), commit, silent)
    shutil.rmtree(origin)
    shutil.rmtree(checkouts.mirrors)
    assert checkouts.ensure(str(origin), commit, silent) == place
    assert git(place, "show", "-s", "--format=%s") == "two"


def test_what_another_repository_gave_is_asked_for_in_the_location_s_own(
    origin: Path, checkouts: Checkouts, tmp_path: Path
) -> None:
    first, commit = head(origin, "HEAD~1"), head(origin)
    spelled = f"file://{origin}"
    for name in (first, commit):
        checkouts.ensure(str(origin), name, silent)
    other = repository(tmp_path / "other")
    git(other, "fetch", "--quiet", spelled, first)
    git(other, "reset", "--quiet", "--hard", first)
    with pytest.raises(PlaygroundError) as refused:
        checkouts.ensure_from(str(other), commit, silent)
    assert is_lacking(refused.value.finding)
    assert not refused.value.finding.rejects, "it may be pushed yet"
    for url in (spelled, str(other)):
        assert checkouts.ensure_from(url, first, silent) == checkouts.path(first)

    shutil.rmtree(other)
    shutil.rmtree(origin)
    said: list[str] = []
    for url in (spelled, str(other), str(origin)):
        checkouts.ensure_from(url, first, said.append)
    assert said == [], "each was asked once"


def test_the_same_checkout_is_made_once(origin: Path, checkouts: Checkouts) -> None:
    place = checkouts.ensure(str(origin), head(origin), silent)
    before = place.stat().st_ino
    said: list[str] = []
    checkouts.ensure(str(origin), head(origin), said.append)
    assert place.stat().st_ino == before
    assert said == []


def test_one_that_a_kill_left_half_made_is_made_again(origin: Path, checkouts: Checkouts) -> None:
    # given: a folder without the mark that it is complete, and the remains of building one
    (checkouts.folder / head(origin)).mkdir(parents=True)
    (checkouts.folder / head(origin) / "half").write_text("")
    (checkouts.folder / f".{head(origin)}.building" / "half").mkdir(parents=True)
    # when
    place = checkouts.ensure(str(origin), head(origin), silent)
    # then
    assert not (place / "half").exists()
    assert (place / "code.py").exists()


def test_killed_at_any_line_the_next_one_finishes(origin: Path, checkouts: Checkouts) -> None:
    program = (
        "import sys; from pathlib import Path; from playground_ops.targets.local.checkouts import Checkouts;"
        "made = Checkouts(Path(sys.argv[1]), Path(sys.argv[2]));"
        "made.ensure(*sys.argv[3:], lambda line: print(line, flush=True))"
    )
    for lines in (1, 2):
        arguments = [str(checkouts.folder), str(checkouts.mirrors), str(origin), head(origin)]
        process = subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE)
        assert process.stdout is not None
        for _ in range(lines):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    place = checkouts.ensure(str(origin), head(origin), silent)
    assert git(place, "status", "--porcelain") == ""


def test_a_commit_that_is_not_there_leaves_nothing(origin: Path, checkouts: Checkouts) -> None:
    with pytest.raises(PlaygroundError, match="not in the repository"):
        checkouts.ensure(str(origin), "f" * 40, silent)
    assert not checkouts.path("f" * 40).exists()


def test_submodules_come_along(origin: Path, tmp_path: Path, checkouts: Checkouts) -> None:
    # given
    outer = repository(tmp_path / "outer")
    git(outer, "submodule", "--quiet", "add", "../origin", "inner")
    commit = commit_all(outer, "with a submodule")
    # when
    place = checkouts.ensure(str(outer), commit, silent)
    # then
    assert (place / "inner" / "code.py").read_text() == "VERSION = 2\n"


def test_a_submodule_that_is_gone_is_named(origin: Path, tmp_path: Path, checkouts: Checkouts) -> None:
    outer = repository(tmp_path / "outer")
    git(outer, "submodule", "--quiet", "add", str(origin), "inner")
    commit = commit_all(outer, "with a submodule")
    shutil.rmtree(origin)
    with pytest.raises(PlaygroundError) as caught:
        checkouts.ensure(str(outer), commit, silent)
    assert "submodule could not be fetched" in str(caught.value)
    assert str(origin) in caught.value.finding.evidence
    assert not checkouts.path(commit).exists()


def test_what_no_release_uses_is_removed(origin: Path, checkouts: Checkouts) -> None:
    # given
    new = checkouts.ensure(str(origin), head(origin), silent)
    old = checkouts.ensure(str(origin), head(origin, "HEAD~1"), silent)
    # when, then: what was asked for just now may belong to a release that just starts
    assert checkouts.prune({new.name}) == []
    # when, then
    assert checkouts.prune({new.name}, recent_seconds=0) == [old.name]
    assert new.exists() and not old.exists()
    assert git(checkouts.mirror(str(origin)), "rev-list", "--all") == head(origin)
    # when, then: with the last checkout goes the mirror
    checkouts.prune(set(), recent_seconds=0)
    assert not checkouts.mirror(str(origin)).exists()
    assert [path.name for path in checkouts.folder.iterdir() if path.name != ".locks"] == []
    # and: it can all be made again
    assert checkouts.ensure(str(origin), old.name, silent).exists()


class TestContent:
    @pytest.fixture
    def package(self, tmp_path: Path) -> Path:
        place = tmp_path / "package"
        (place / "below").mkdir(parents=True)
        (place / "__init__.py").write_text("")
        (place / "below" / "data.yaml").write_text("a: 1\n")
        return place

    def test_its_name_is_its_content(self, package: Path, checkouts: Checkouts) -> None:
        name, place = checkouts.ensure_content([package], silent)
        assert name == content_hash([package]) == place.name
        assert name.startswith("content-") and len(name) == len("content-") + 16
        assert (place / "package" / "below" / "data.yaml").read_text() == "a: 1\n"

    def test_the_copy_does_not_change_with_its_source(self, package: Path, checkouts: Checkouts) -> None:
        name, place = checkouts.ensure_content([package], silent)
        (package / "below" / "data.yaml").write_text("a: 2\n")
        other, _ = checkouts.ensure_content([package], silent)
        assert other != name
        assert (place / "package" / "below" / "data.yaml").read_text() == "a: 1\n"

    def test_bytecode_does_not_count(self, package: Path, checkouts: Checkouts) -> None:
        before = content_hash([package])
        (package / "__pycache__").mkdir()
        (package / "__pycache__" / "x.cpython-311.pyc").write_bytes(b"x")
        assert content_hash([package]) == before
        _, place = checkouts.ensure_content([package], silent)
        assert not (place / "package" / "__pycache__").exists()

    def test_a_moved_file_is_another_content(self, package: Path) -> None:
        before = content_hash([package])
        (package / "below" / "data.yaml").rename(package / "data.yaml")
        assert content_hash([package]) != before

    def test_it_is_pruned_like_the_rest(self, package: Path, checkouts: Checkouts) -> None:
        name, place = checkouts.ensure_content([package], silent)
        assert checkouts.prune({name}, recent_seconds=0) == []
        assert checkouts.prune(set(), recent_seconds=0) == [name]
        assert not place.exists()
