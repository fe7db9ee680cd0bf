"""Large files by the real git-lfs, compiled from its sources; the tests decide who has it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from playground_ops.core.errors import PlaygroundError
from playground_ops.core.model import Location, Release, Revision
from playground_ops.targets.local import large_files
from playground_ops.targets.local.checkouts import Checkouts
from playground_ops.targets.local.code import Code
from playground_ops.targets.local.folder import StateFolder
from tests.cluster import binaries
from tests.local.git_servers import http_server
from tests.projects import commit_all, git, repository

CONTENT = "the content of a large file\n" * 100
PACKAGE = "github.com/git-lfs/git-lfs/v3"


@pytest.fixture(scope="session")
def program() -> Path:
    """The folder with git-lfs."""
    return binaries.program(binaries.HERE / "go" / "git-lfs", (PACKAGE,))


@pytest.fixture
def has_lfs(program: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Decides whether git-lfs is on the PATH. Nobody has installed it for git."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    plain = os.pathsep.join(
        place for place in os.environ["PATH"].split(os.pathsep) if not shutil.which("git-lfs", path=place)
    )

    def decide(it: bool) -> None:
        monkeypatch.setenv("PATH", f"{program}{os.pathsep}{plain}" if it else plain)

    return decide


@pytest.fixture
def origin(tmp_path: Path, has_lfs: Callable[[bool], None]) -> Path:
    """A repository with two large files, one of them beside the project `team`, made where git-lfs is."""
    has_lfs(True)
    place = repository(tmp_path / "origin")
    git(place, "lfs", "install", "--local", "--skip-repo")
    git(place, "lfs", "track", "*.bin")
    for name in ("team/dé x.bin", "other.bin"):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(CONTENT)
    (place / "team" / "small.bin").symlink_to("../other.bin")
    commit_all(place, "Large ones")
    has_lfs(False)
    return place


@pytest.fixture
def checkouts(tmp_path: Path) -> Checkouts:
    return Checkouts(tmp_path / "checkouts", tmp_path / "repositories")


def silent(line: str) -> None: ...


def test_they_come_from_the_origin_where_git_lfs_is(
    origin: Path, checkouts: Checkouts, has_lfs: Callable[[bool], None]
) -> None:
    has_lfs(True)
    said: list[str] = []
    place = checkouts.ensure(f"file://{origin}", git(origin, "rev-parse", "HEAD"), said.append)
    assert "Fetching 2 large file(s) by git-lfs." in said
    assert (place / "team" / "dé x.bin").read_text() == CONTENT
    assert large_files.pointers(place) == []
    assert git(place, "status", "--porcelain") == "", "a version that is made of it is not a changed one's"


def test_they_are_fetched_with_the_credentials_of_the_url(
    origin: Path, checkouts: Checkouts, has_lfs: Callable[[bool], None]
) -> None:
    has_lfs(True)
    commit = git(origin, "rev-parse", "HEAD")
    with http_server(origin.parent, user="ada", password="open-sesame") as url:
        private = f"{url}/origin/.git".replace("//", "//ada:open-sesame@", 1)
        place = checkouts.ensure(private, commit, silent)
    assert (place / "other.bin").read_text() == CONTENT
    assert "open-sesame" not in (place / ".git" / "config").read_text()


def test_without_it_they_are_pointers_which_are_named(origin: Path, checkouts: Checkouts) -> None:
    place = checkouts.complete(str(origin), git(origin, "rev-parse", "HEAD"), silent)
    assert large_files.pointers(place) == ["other.bin", "team/dé x.bin"]
    assert large_files.pointers(place, "team") == ["team/dé x.bin"]
    assert large_files.pointers(place, "nosuch") == []


def test_a_rollout_warns_of_those_of_its_project(origin: Path, tmp_path: Path) -> None:
    code = Code(StateFolder(tmp_path / "state"), tmp_path)
    location = Location(name="a", repository=str(origin), subdirectory="team")
    asked = Revision(repository=str(origin), commit=git(origin, "rev-parse", "HEAD"))
    release = Release(location=location, number=1, revision=asked, configuration="c", created_at="now")
    assert code.told(release).warnings == (), "nothing is there yet"
    found = code.told(release.model_copy(update={"revision": code.fetch(location, asked, silent)}))
    assert (found.subject, found.author) == ("Large ones", "Ada")
    (warning,) = found.warnings
    assert "1 file(s) of the project are pointers of git-lfs and not their content: team/dé x.bin." in warning
    assert warning.endswith(large_files.missing_for("a"))


def test_once_it_is_there_a_redeploy_fetches_what_is_missing(
    origin: Path, checkouts: Checkouts, has_lfs: Callable[[bool], None]
) -> None:
    commit = git(origin, "rev-parse", "HEAD")
    place = checkouts.complete(str(origin), commit, silent)
    has_lfs(True)
    assert checkouts.ensure(str(origin), commit, silent) == place
    assert large_files.pointers(place), "what serves comes back without a network"
    assert checkouts.complete(str(origin), commit, silent) == place
    assert (place / "other.bin").read_text() == CONTENT


def test_those_of_a_submodule_come_too(
    origin: Path, tmp_path: Path, checkouts: Checkouts, has_lfs: Callable[[bool], None]
) -> None:
    outer = repository(tmp_path / "outer")
    git(outer, "submodule", "--quiet", "add", "../origin", "inner")
    commit = commit_all(outer, "With a submodule")
    has_lfs(True)
    place = checkouts.ensure(str(outer), commit, silent)
    assert (place / "inner" / "other.bin").read_text() == CONTENT


def test_content_that_was_never_pushed_is_told(
    origin: Path, checkouts: Checkouts, has_lfs: Callable[[bool], None]
) -> None:
    shutil.rmtree(origin / ".git" / "lfs")
    has_lfs(True)
    commit = git(origin, "rev-parse", "HEAD")
    with pytest.raises(PlaygroundError) as caught:
        checkouts.ensure(f"file://{origin}", commit, silent)
    found = caught.value.finding
    assert found.observed.startswith("2 large file(s) could not be fetched by git-lfs.")
    assert "git lfs push --all origin" in found.fix
    assert not checkouts.path(commit).exists()


def test_git_that_calls_for_it_where_it_is_not_is_told_so(
    origin: Path, checkouts: Checkouts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: `git lfs install` was run for this user, on a PATH that had it
    (tmp_path / "gitconfig").write_text(
        '[filter "lfs"]\nprocess = git-lfs filter-process\nsmudge = git-lfs smudge -- %f\nrequired = true\n'
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    with pytest.raises(PlaygroundError) as caught:
        checkouts.ensure(f"file://{origin}", git(origin, "rev-parse", "HEAD"), silent)
    found = caught.value.finding
    assert "git-lfs is missing" in found.observed
    assert not found.rejects, "the commit is not at fault"


def test_a_submodule_s_path_leads_to_no_other_repository(tmp_path: Path) -> None:
    # given: a path with a line break, behind which is the path of somebody's repository
    beside, tree = repository(tmp_path / "beside"), repository(tmp_path / "tree")
    path = f"x\n{beside}"
    inner = repository(tree / path)
    git(inner, "commit", "--quiet", "--allow-empty", "-m", "One")
    git(
        tree,
        "update-index",
        "--add",
        "--cacheinfo",
        f"160000,{git(inner, 'rev-parse', 'HEAD').strip()},{path}",
    )
    quoted = path.replace("\n", "\\n")
    (tree / ".gitmodules").write_text(f'[submodule "x"]\n\tpath = "{quoted}"\n\turl = ../beside\n')
    git(tree, "config", "submodule.x.url", str(beside))
    git(tree, "config", "submodule.x.active", "true")
    # then
    assert list(large_files._trees(tree)) == [tree, inner]
