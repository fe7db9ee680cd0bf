"""Failures of a sync, and reactions to signals."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

from tests.asking import eventually
from tests.gitsync.running import GitSync, daemon, script, unavailable
from tests.local.git_servers import closed_port, silent_server
from tests.projects import git


def test_an_unknown_ref_ends_it_with_the_words_of_git(sync: GitSync, source: Path) -> None:
    ended = sync.once(f"file://{source}", "--ref=nosuch")
    assert ended.error == (
        f"Run(git fetch file://{source} nosuch --verbose --no-progress --prune --no-auto-gc --depth 1): "
        'exit status 128: { stdout: "", stderr: "fatal: couldn\'t find remote ref nosuch" }'
    )


def test_an_unknown_repository_ends_it(sync: GitSync, source: Path) -> None:
    with daemon(source.parent) as url:
        ended = sync.once(f"{url}/nosuch")
    assert "fatal: remote error: access denied or repository not exported: /nosuch" in ended.error


def test_a_server_that_is_not_there_ends_it(sync: GitSync) -> None:
    port = closed_port()
    ended = sync.once(f"http://127.0.0.1:{port}/code")
    assert f"Failed to connect to 127.0.0.1 port {port}" in ended.error


def test_a_sync_has_a_deadline(sync: GitSync) -> None:
    with silent_server() as url:
        ended = sync.once(f"{url}/code", "--sync-timeout=1s")
    assert "--depth 1): context deadline exceeded: {" in ended.error


def test_failures_are_retried_when_allowed_and_the_error_file_goes_with_the_cause(
    sync: GitSync, source: Path
) -> None:
    error = sync.root / "error"
    flags = ["--ref=next", "--period=20ms", "--max-failures=-1", "--error-file=error"]
    with sync.running(f"file://{source}", *flags):
        told = json.loads(eventually("the error file", lambda: error.exists() and error.read_text(), 60))
        assert (told["Msg"], told["Args"]["failCount"] >= 1) == ("error syncing repo, will retry", True)
        assert "couldn't find remote ref next" in told["Err"]
        git(source, "branch", "next")
        eventually("the sync and the end of the error", lambda: sync.link.exists() and not error.exists(), 60)


def test_a_root_with_other_files_is_emptied(sync: GitSync, source: Path) -> None:
    (sync.root / "package").mkdir(parents=True)
    (sync.root / "package" / "module.py").write_text("lost = True")
    ended = sync.once(f"file://{source}")
    assert ended.code == 0, ended.err
    assert not (sync.root / "package").exists()
    assert "repo directory was empty or failed checks" in ended.messages


def test_a_root_that_cannot_be_emptied_ends_it(unprivileged: GitSync) -> None:
    sync = unprivileged
    kept = sync.root / "kept"
    kept.mkdir(parents=True)
    (kept / "file").touch()
    sync.root.chmod(0o777)
    kept.chmod(0o555)
    ended = sync.once("file:///nosuch")
    kept.chmod(0o755)
    assert ended.error.startswith("can't wipe unusable root directory: ")
    assert "permission denied" in ended.error
    assert (kept / "file").exists()


def test_a_user_that_owns_nothing_but_its_root_can_sync(unprivileged: GitSync, source: Path) -> None:
    sync = unprivileged
    sync.root.mkdir()
    sync.root.chmod(0o777)
    with daemon(source.parent) as url:
        ended = sync.once(f"{url}/{source.name}")
    assert ended.code == 0, ended.err
    assert sync.commit == git(source, "rev-parse", "HEAD")


def test_sigterm_ends_it_at_once_in_the_middle_of_a_fetch(sync: GitSync) -> None:
    with silent_server() as url, sync.running(f"{url}/code", "--verbose=5") as process:
        eventually("the fetch", lambda: "git fetch" in sync.written.err, 60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM


def test_as_pid_1_it_collects_processes_and_ends_with_143(sync: GitSync, source: Path) -> None:
    alone = ["unshare", "--user", "--map-root-user", "--pid", "--fork"]
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], check=False).returncode != 0:
        unavailable("no process namespace can be made here (command unshare, of util-linux)")
    orphan = script(sync.folder / "hook", f"(echo > {sync.folder}/orphan) &")
    flags = [*sync.flags(f"file://{source}"), "--period=20ms", f"--exechook-command={orphan}"]
    outside = GitSync(Path(str(shutil.which("unshare"))), sync.folder)
    process = outside.start(*alone[1:], str(sync.program), *flags)
    try:
        eventually("the sync and the orphan", (sync.folder / "orphan").exists, 60)
        [init] = children(process.pid)
        eventually("the orphan to be collected", lambda: len(children(init)) == 1, 60)
        os.kill(init, signal.SIGTERM)
        assert process.wait(10) == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.wait()
    assert sync.written.err.startswith("INFO: detected pid 1, running init handler\n")


def children(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for thread in threads for child in (thread / "children").read_text().split()]
