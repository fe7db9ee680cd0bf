"""git-sync's flags and variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gitsync.running import GitSync, save
from tests.projects import git


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
