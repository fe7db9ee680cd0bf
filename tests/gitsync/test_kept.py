"""The cluster's git cache, with the stand-in and real git: only git-sync's image's programs can be used."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from playground_ops.render import gitsync
from playground_ops.render.names import REPOSITORY_FOLDER
from tests.gitsync.running import Ended, GitSync, save, script
from tests.projects import git


@dataclass(frozen=True)
class Fetching:
    sync: GitSync
    source: Path

    @property
    def store(self) -> Path:
        return self.sync.folder / "claim" / ".code" / "a.git"

    @property
    def commits(self) -> set[str]:
        """Return the commits in the cache."""
        return set(git(self.store, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/kept").split())

    def has(self, commit: str) -> bool:
        """Return whether the cache has its objects, whatever refers to them."""
        return commit in git(self.store, "cat-file", "--batch-all-objects", "--batch-check")

    def fetch(self, commit: str, *live: str) -> Ended:
        """Fetch into an empty folder, as in a new pod."""
        if self.sync.root.exists():
            shutil.rmtree(self.sync.root)
        flags = [f"--repo=file://{self.source}", f"--ref={commit}", "--one-time", f"--root={self.sync.root}"]
        words = {gitsync.CACHE: "a", gitsync.CACHE_LIVE: " ".join(live)}
        return self.sync.bare(*flags, "--link=code", "--depth=1", **words)

    def file(self, commit: str) -> str:
        return (self.sync.root / ".worktrees" / commit / "file").read_text()


@pytest.fixture
def fetching(sync: GitSync, source: Path) -> Fetching:
    text = gitsync.CACHE_SCRIPT.replace(gitsync.CACHE_COMMAND, str(sync.program))
    text = text.replace(REPOSITORY_FOLDER, str(sync.root)).replace(
        gitsync.CACHE_FOLDER, str(sync.folder / "claim/.code")
    )
    return Fetching(replace(sync, program=script(sync.folder / "fetch", text)), source)


def test_what_was_fetched_once_comes_back_without_its_server(fetching: Fetching) -> None:
    first = git(fetching.source, "rev-parse", "HEAD")
    fetched = fetching.fetch(first)
    assert (fetched.code, fetching.commits) == (0, {first}), fetched.err
    save(fetching.source, "two")
    fetching.source.rename(fetching.source.with_name("gone"))

    again = fetching.fetch(first)

    assert again.code == 0, again.err
    assert fetching.file(first) == "one"
    assert again.messages[-1] == "exiting after one sync"
    assert not (fetching.store.stat().st_mode & 0o077), "code of one location is not another's to read"


def test_only_what_a_release_needs_stays(fetching: Fetching) -> None:
    first = git(fetching.source, "rev-parse", "HEAD")
    fetching.fetch(first)
    second = save(fetching.source, "two")
    assert fetching.fetch(second, first).code == 0
    assert fetching.commits == {first, second}
    third = save(fetching.source, "three")
    assert fetching.fetch(third, second).code == 0
    assert fetching.commits == {second, third}
    assert [fetching.has(commit) for commit in (first, second, third)] == [False, True, True]

    assert fetching.fetch(second, second).code == 0
    assert fetching.commits == {second, third}, "whoever comes back knows nothing of those that came later"


def test_what_is_damaged_is_fetched_again(fetching: Fetching) -> None:
    first = git(fetching.source, "rev-parse", "HEAD")
    fetching.fetch(first)
    for path in (fetching.store / "objects").rglob("*"):
        if path.is_file():
            path.chmod(0o600)
            path.write_bytes(b"damaged")

    ended = fetching.fetch(first)

    assert ended.code == 0, ended.err
    assert "can't be used: asking the repository" in ended.err
    assert fetching.file(first) == "one"


def test_nobody_slips_in_another_commit(fetching: Fetching) -> None:
    first = git(fetching.source, "rev-parse", "HEAD")
    fetching.fetch(first)
    second = save(fetching.source, "two")
    fetching.fetch(second, first)
    git(fetching.store, "update-ref", f"refs/kept/{first}", second)
    git(fetching.store, "update-ref", "-d", f"refs/kept/{second}")
    git(fetching.store, "gc", "-q", "--prune=now")

    ended = fetching.fetch(first)
    assert ended.code == 0, ended.err
    assert fetching.file(first) == "one"

    git(fetching.store, "update-ref", f"refs/kept/{first}", second)
    git(fetching.store, "gc", "-q", "--prune=now")
    fetching.source.rename(fetching.source.with_name("gone"))
    assert fetching.fetch(first).code == 1


def test_a_claim_without_room_is_told_and_the_pod_starts(fetching: Fetching) -> None:
    (fetching.sync.folder / "claim").write_text("no folder")
    first = git(fetching.source, "rev-parse", "HEAD")
    ended = fetching.fetch(first)
    assert ended.code == 0
    assert gitsync.NOT_CACHED in ended.err
    assert fetching.file(first) == "one"
