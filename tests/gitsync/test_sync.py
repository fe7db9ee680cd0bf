"""The results of a sync."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.asking import eventually
from tests.gitsync.running import GitSync, daemon, save, script
from tests.projects import commit_all, git, repository


def test_one_time_publishes_a_worktree_by_a_relative_link(sync: GitSync, source: Path) -> None:
    ended = sync.once(f"file://{source}", "--touch-file=touched")
    assert ended.code == 0, ended.err
    commit = git(source, "rev-parse", "HEAD")
    assert sync.link.readlink() == Path(".worktrees") / commit
    assert (sync.link / "file").read_text() == "one"
    assert {path.name for path in sync.root.iterdir()} == {".git", ".worktrees", "code", "touched"}
    assert (sync.link / ".git").read_text() == f"gitdir: ../../.git/worktrees/{commit}\n"
    assert git(sync.link, "rev-list", "--count", "HEAD") == "1"

    [update] = [line for line in ended.lines if line["msg"] == "update required"]
    assert list(update)[:5] == ["logger", "ts", "caller", "level", "msg"]
    known = {"logger": "", "level": 0, "ref": "HEAD", "local": "", "remote": commit, "syncCount": 0}
    assert {name: update[name] for name in known} == known
    assert ended.messages[-2:] == ["updated successfully", "exiting after one sync"]


def test_the_link_is_named_like_the_end_of_the_address(sync: GitSync, source: Path) -> None:
    ended = sync.bare(f"--repo=file://{source}/", f"--root={sync.root}", "--one-time")
    assert ended.code == 0, ended.err
    assert (sync.root / source.name).is_symlink()


def test_a_branch_that_moves_is_followed_and_its_old_worktree_removed(sync: GitSync, source: Path) -> None:
    first = git(source, "rev-parse", "HEAD")
    with sync.running(f"file://{source}", "--ref=main", "--period=20ms"):
        eventually("the first commit", lambda: sync.link.exists() and sync.commit == first, 60)
        second = save(source, "two")
        eventually("the second commit", lambda: sync.commit == second, 60)
        assert (sync.link / "file").read_text() == "two"
        eventually("the old worktree to go", lambda: not (sync.root / ".worktrees" / first).exists(), 60)


def test_a_worktree_that_was_left_can_be_kept_for_a_time(sync: GitSync, source: Path) -> None:
    first = git(source, "rev-parse", "HEAD")
    assert sync.once(f"file://{source}").code == 0
    second = save(source, "two")
    assert sync.once(f"file://{source}", "--stale-worktree-timeout=1h").code == 0
    assert {path.name for path in (sync.root / ".worktrees").iterdir()} == {first, second}


def test_a_commit_is_synced_once_and_then_it_sleeps_until_it_is_told_to_end(
    sync: GitSync, source: Path
) -> None:
    commit = git(source, "rev-parse", "HEAD")
    last = "ref appears to be a git hash, no further sync needed"
    with sync.running(f"file://{source}", f"--ref={commit}", "--period=10ms", "--verbose=3") as process:
        eventually("the end of its syncs", lambda: sync.link.exists() and last in sync.written.err, 60)
        assert sync.commit == commit
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM
    assert sync.written.messages[-1] == last
    assert sync.written.messages.count("update required") == 1


def test_a_commit_that_is_no_tip_comes_alone_from_an_ordinary_server(sync: GitSync, source: Path) -> None:
    commit = git(source, "rev-parse", "HEAD")
    save(source, "two")
    save(source, "three")
    with daemon(source.parent) as url:
        ended = sync.once(f"{url}/{source.name}", f"--ref={commit}", "--depth=1")
    assert ended.code == 0, ended.err
    assert (sync.commit, (sync.link / "file").read_text()) == (commit, "one")
    assert git(sync.link, "rev-list", "--count", "--all") == "1"


def test_all_of_the_history_comes_with_depth_0(sync: GitSync, source: Path) -> None:
    save(source, "two")
    assert sync.once(f"file://{source}").code == 0
    ended = sync.once(f"file://{source}", "--depth=0")
    assert ended.code == 0, ended.err
    assert git(sync.link, "rev-list", "--count", "HEAD") == "2"


def test_an_annotated_tag_is_the_commit_that_it_names(sync: GitSync, source: Path) -> None:
    commit = git(source, "rev-parse", "HEAD")
    git(source, "tag", "--annotate", "--message=v1", "v1")
    save(source, "two")
    assert sync.once(f"file://{source}", "--ref=v1").code == 0
    assert sync.commit == commit


@pytest.mark.parametrize(("mode", "files"), [("recursive", ["file"]), ("shallow", ["file"]), ("off", [])])
def test_submodules_are_checked_out_unless_they_are_off(
    sync: GitSync, source: Path, mode: str, files: list[str]
) -> None:
    with daemon(source.parent) as url:
        outer = repository(source.parent / "outer")
        git(outer, "submodule", "--quiet", "add", f"{url}/{source.name}", "inner")
        commit_all(outer, "With a submodule")
        ended = sync.once(f"{url}/outer", f"--submodules={mode}")
    assert ended.code == 0, ended.err
    assert [path.name for path in (sync.link / "inner").iterdir() if path.name != ".git"] == files


def test_the_hook_runs_in_the_worktree_and_one_time_waits_for_it(sync: GitSync, source: Path) -> None:
    hook = script(sync.folder / "hook", f'echo "$GITSYNC_HASH $PWD" > {sync.folder}/seen')
    ended = sync.once(f"file://{source}", f"--exechook-command={hook}")
    assert ended.code == 0, ended.err
    worktree = sync.root / ".worktrees" / sync.commit
    assert (sync.folder / "seen").read_text() == f"{sync.commit} {worktree}\n"

    failed = sync.once(f"file://{source}", f"--exechook-command={script(hook, 'exit 3')}")
    assert (failed.code, failed.lines[-1]["status"]) == (1, 1)
    assert "hook failed" in failed.messages
