"""The stand-in for git-sync does what was seen of v4.2.4, and refuses what it can't do."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.local.git_servers import closed_port, http_server, silent_server
from tests.projects import commit_all, git, repository
from tests.stacks import eventually

SOURCES = Path(__file__).parent / "images" / "gitsync"
UID = 65533
ALLOWED = ("git", "ssh", "sh", "sed")
"""The commands that it may find: sh and sed are for `git submodule`, which is a script."""


def table(text: str) -> dict[str, str]:
    return {name: value for name, _, value in (word.partition("=") for word in text.split())}


FLAGS = table("""
    add-user=false askpass-url= cookie-file=false credential=[] depth=1 error-file=
    exechook-backoff=3s exechook-command= exechook-timeout=30s git=git git-config= git-gc=always
    group-write=false help=false http-bind= http-metrics=false http-pprof=false link= man=false
    max-failures=0 one-time=false password-file= period=10s ref=HEAD repo= root=
    sparse-checkout-file= ssh-key-file=/etc/git-secret/ssh ssh-known-hosts=true
    ssh-known-hosts-file=/etc/git-secret/known_hosts stale-worktree-timeout=0s submodules=recursive
    sync-on-signal= sync-timeout=2m0s touch-file= username= verbose=0 version=false
    webhook-backoff=3s webhook-method=POST webhook-success-status=200 webhook-timeout=1s
    webhook-url=
""")
DEPRECATED = table("""
    branch= change-permissions=0 dest= max-sync-failures=0 password= rev= ssh=true
    sync-hook-command= timeout=0 wait=0
""")
REFUSED = table("""
    add-user=true askpass-url=http://localhost/ cookie-file=true git-config=user.name:Ada
    group-write=true http-bind=:8080 http-metrics=true http-pprof=true man=true
    sparse-checkout-file=/dev/null sync-on-signal=SIGHUP webhook-backoff=9s webhook-method=GET
    webhook-success-status=0 webhook-timeout=9s webhook-url=http://localhost/
""")


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.err.splitlines() if line.startswith("{")]

    @property
    def messages(self) -> list[str]:
        return [line["msg"] for line in self.lines]

    @property
    def error(self) -> str:
        """Why it gave up."""
        assert self.code == 1, self.err
        last = self.lines[-1]
        assert (last["msg"], last["failCount"]) == ("too many failures, aborting", 1)
        return str(last["error"])


@dataclass(frozen=True)
class GitSync:
    program: Path
    folder: Path
    """Holds its root, its temporary folder, the commands that it can find, and what it wrote."""
    user: int | None = None
    """Who runs it, if not who runs the tests."""

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def link(self) -> Path:
        return self.root / "code"

    @property
    def commit(self) -> str:
        """The one published."""
        target = self.link.readlink()
        assert target.parts[:-1] == (".worktrees",)
        return target.name

    @property
    def written(self) -> Ended:
        return Ended(0, "", (self.folder / "err").read_text())

    def prepare(self) -> GitSync:
        for name in ("commands", "tmp"):
            (self.folder / name).mkdir(mode=0o777)
            (self.folder / name).chmod(0o777)
        for name in ALLOWED:
            found = shutil.which(name)
            if found:
                (self.folder / "commands" / name).symlink_to(found)
        return self

    def start(self, *flags: str, **variables: str) -> subprocess.Popen[str]:
        places = {
            "PATH": str(self.folder / "commands"),
            "HOME": str(self.folder / "tmp"),
            "TMPDIR": str(self.folder / "tmp"),
        }
        with (self.folder / "out").open("w") as out, (self.folder / "err").open("w") as err:
            return subprocess.Popen(
                [str(self.program), *flags],
                cwd=self.folder,
                env={**places, **variables},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                text=True,
                start_new_session=True,
                user=self.user,
                group=self.user,
                extra_groups=None if self.user is None else [],
            )

    def bare(self, *flags: str, **variables: str) -> Ended:
        process = self.start(*flags, **variables)
        code = process.wait(60)
        return Ended(code, (self.folder / "out").read_text(), (self.folder / "err").read_text())

    def once(self, repo: object, *flags: str, **variables: str) -> Ended:
        return self.bare(*self.flags(repo), "--one-time", *flags, **variables)

    def flags(self, repo: object) -> list[str]:
        return [f"--repo={repo}", f"--root={self.root}", "--link=code"]

    @contextmanager
    def running(self, repo: object, *flags: str) -> Iterator[subprocess.Popen[str]]:
        process = self.start(*self.flags(repo), *flags)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def unavailable(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    go = shutil.which("go")
    if go is None:
        unavailable("go, which compiles the stand-in for git-sync, is not on the PATH")
    compiled = tmp_path_factory.mktemp("gitsync") / "git-sync"
    subprocess.run(
        [go, "build", "-mod=readonly", "-buildvcs=false", "-o", str(compiled), "."],
        cwd=SOURCES,
        env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": ""},
        check=True,
    )
    return compiled


@pytest.fixture
def sync(program: Path, tmp_path: Path) -> GitSync:
    return GitSync(program, tmp_path).prepare()


@pytest.fixture
def unprivileged(program: Path) -> Iterator[GitSync]:
    """In folders that anybody can reach, and not as root even where root runs the tests."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        copied = Path(shutil.copy(program, folder / "git-sync"))
        yield GitSync(copied, folder, UID if os.geteuid() == 0 else None).prepare()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    made = repository(tmp_path / "served" / "source.git")
    save(made, "one")
    return made


def save(source: Path, text: str) -> str:
    (source / "file").write_text(text)
    return commit_all(source, text)


@contextmanager
def daemon(folder: Path) -> Iterator[str]:
    """Serve what is in the folder by `git daemon`; its URL."""
    port = closed_port()
    command = Path(git(folder, "--exec-path")) / "git-daemon"
    options = ["--reuseaddr", "--export-all", f"--base-path={folder}", "--listen=127.0.0.1", f"--port={port}"]
    server = subprocess.Popen(
        [str(command), *options],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        eventually("the git daemon to listen", lambda: server.poll() is not None or listens(port))
        assert server.poll() is None
        yield f"git://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# Flags and variables


def test_its_flags_and_their_defaults_are_those_of_the_real_one(sync: GitSync) -> None:
    given = [f"--{name}={value}" for name, value in {**FLAGS, **DEPRECATED}.items()]
    accepted = sync.bare(*given, "--version")
    assert (accepted.code, accepted.out) == (0, "v4.2.4\n"), accepted.err

    shown = sync.bare("--help")
    names = [line.split("--")[1].split()[0] for line in shown.out.splitlines() if "--" in line]
    assert (shown.code, names) == (0, sorted(FLAGS))


def test_an_unknown_flag_shows_the_usage_and_ends_with_2(sync: GitSync) -> None:
    ended = sync.bare("--x")
    assert (ended.code, ended.out) == (2, "unknown flag: --x\n")
    assert ended.err.startswith("unknown flag: --x\nUsage: git-sync")


@pytest.mark.parametrize(
    ("flags", "fault"),
    [
        (["--root=somewhere"], "required flag: --repo must be specified"),
        (["--repo=file:///x"], "required flag: --root must be specified"),
        (["--repo=x", "--root=x", "--period=1ms"], "invalid flag: --period must be at least 10ms"),
        (["--repo=x", "--root=x", "--depth=-1"], "invalid flag: --depth must be greater than or equal to 0"),
        (
            ["--repo=x", "--root=x", "--change-permissions=7"],
            "deprecated flag: --change-permissions is no longer supported",
        ),
        (
            ["--repo=x", "--root=x", "--password-file=x"],
            "invalid flag: --password-file may only be specified when --username is specified",
        ),
    ],
)
def test_a_fault_in_the_flags_ends_with_1(sync: GitSync, flags: list[str], fault: str) -> None:
    ended = sync.bare(*flags)
    assert (ended.code, ended.err.splitlines()[-1]) == (1, fault)
    assert not (sync.folder / "x").exists()


@pytest.mark.parametrize("name", REFUSED)
def test_what_it_cannot_do_it_refuses(sync: GitSync, source: Path, name: str) -> None:
    ended = sync.once(source, f"--{name}={REFUSED[name]}")
    assert ended.code == 64
    assert f"--{name}={REFUSED[name]}: git-sync can do this, its stand-in for tests doesn't" in ended.err
    assert not sync.root.exists()


def test_variables_are_read_and_a_misspelt_one_is_ignored(sync: GitSync, source: Path) -> None:
    variables = {
        "GITSYNC_REPO": f"file://{source}",
        "GITSYNC_ROOT": str(sync.root),
        "GITSYNC_ONE_TIME": "true",
    }
    ended = sync.bare("--link=code", **variables, GITSYNC_LINK="other", GITSYNC_REFF="nosuch")
    assert ended.code == 0, ended.err
    assert (sync.commit, (sync.root / "other").exists()) == (git(source, "rev-parse", "HEAD"), False)

    unreadable = sync.bare(GITSYNC_DEPTH="deep")
    assert unreadable.code == 1
    assert unreadable.err.startswith('FATAL: invalid int env GITSYNC_DEPTH="deep"')

    old = sync.bare(GIT_SYNC_REPO="x")
    assert old.code == 64
    assert "$GIT_SYNC_REPO" in old.err


def test_deprecated_flags_work(sync: GitSync, source: Path) -> None:
    git(source, "branch", "next")
    commit = git(source, "rev-parse", "next")
    save(source, "two")
    flags = ["--branch=next", "--dest=old", "--wait=0.5", "--timeout=60", "--max-sync-failures=1", "--ssh"]
    ended = sync.once(f"file://{source}", *flags)
    assert ended.code == 0, ended.err
    assert (sync.root / "old").readlink().name == commit
    assert "Flag --branch has been deprecated, use --ref instead" in ended.err


# A sync


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


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!{shutil.which('sh')}\n{text}\n")
    path.chmod(0o755)
    return path


# Failures


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


# Secrets


@pytest.mark.parametrize("way", ["file", "variable", "credential", "words", "address"])
def test_a_password_reaches_the_server_by_no_argument_and_no_log(
    sync: GitSync, source: Path, way: str
) -> None:
    secret = "open-sesame"
    (sync.folder / "password").write_text(secret)
    spy = script(
        sync.folder / "spy", f'echo "$@" >> {sync.folder}/arguments\nexec {shutil.which("git")} "$@"'
    )
    with http_server(source.parent, user="ada", password=secret) as url:
        credential = {"url": url, "username": "ada", "password-file": str(sync.folder / "password")}
        words = {"url": url, "username": "ada", "password": secret}
        address = url.replace("//", f"//ada:{secret}@") + f"/{source.name}"
        flags, variables = {
            "file": (["--username=ada", f"--password-file={sync.folder}/password"], {}),
            "variable": (["--username=ada"], {"GITSYNC_PASSWORD": secret}),
            "credential": ([f"--credential={json.dumps(credential)}"], {}),
            "words": ([f"--credential={json.dumps([words])}"], {}),
            "address": ([f"--repo={address}"], {}),
        }[way]
        ended = sync.once(f"{url}/{source.name}", f"--git={spy}", "--verbose=9", *flags, **variables)
    assert ended.code == 0, ended.err
    assert sync.commit == git(source, "rev-parse", "HEAD")
    assert secret not in ended.err + (sync.folder / "arguments").read_text()


def test_a_wrong_password_and_none_are_told_apart(sync: GitSync, source: Path) -> None:
    with http_server(source.parent, user="ada", password="open-sesame") as url:
        wrong = sync.once(f"{url}/{source.name}", "--username=ada", GITSYNC_PASSWORD="guess")
        asked = script(sync.folder / "ask", f"echo > {sync.folder}/asked")
        none = sync.once(f"{url}/{source.name}", GIT_ASKPASS=str(asked))
    assert "fatal: Authentication failed for" in wrong.error
    assert f"fatal: could not read Username for '{url}': terminal prompts disabled" in none.error
    assert not (sync.folder / "asked").exists()


def test_ssh_gets_the_key_and_checks_the_host(sync: GitSync) -> None:
    ssh = sync.folder / "commands" / "ssh"
    ssh.unlink(missing_ok=True)
    script(ssh, f'echo "$@" >> {sync.folder}/arguments\necho "Host key verification failed." >&2\nexit 255')
    usual = sync.once("ssh://git@git.test/code.git")
    given = sync.once(
        "ssh://git@git.test/code.git", "--ssh-key-file=/k/ssh", "--ssh-known-hosts-file=/k/hosts"
    )
    trusting = sync.once("ssh://git@git.test/code.git", "--ssh-known-hosts=false")

    assert all("Host key verification failed." in ended.error for ended in (usual, given, trusting))
    first, second, third = (
        shlex.split(line) for line in (sync.folder / "arguments").read_text().splitlines()
    )
    checked = ["-o", "StrictHostKeyChecking=yes", "-o"]
    assert first[:6] == [
        "-i",
        "/etc/git-secret/ssh",
        *checked,
        "UserKnownHostsFile=/etc/git-secret/known_hosts",
    ]
    assert second[:6] == ["-i", "/k/ssh", *checked, "UserKnownHostsFile=/k/hosts"]
    assert third[:4] == ["-i", "/etc/git-secret/ssh", "-o", "StrictHostKeyChecking=no"]


def test_ssh_without_a_key_warns_and_goes_on(sync: GitSync) -> None:
    if shutil.which("ssh") is None:
        unavailable("ssh is not on the PATH")
    ended = sync.once(f"ssh://git@127.0.0.1:{closed_port()}/code.git", "--ssh-key-file=/nosuch/ssh")
    assert "Identity file /nosuch/ssh not accessible" in ended.error
    assert "Connection refused" in ended.error


# Signals


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
