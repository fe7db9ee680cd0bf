"""The cluster's git cache, with the stand-in and real git: only git-sync's image's programs can be used."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import trustme

from playground_ops.core.checkout import Checkout, told
from playground_ops.render import fetch_script, gitsync
from playground_ops.render.names import GIT_SECRET_FOLDER, KEPT_FOLDER, REPOSITORY_FOLDER
from tests.gitsync.running import Ended, GitSync, save, script
from tests.local.git_servers import http_server
from tests.projects import commit_all, git


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

    def fetch(
        self, commit: str, *live: str, url: str = "", more: Sequence[str] = (), **variables: str
    ) -> Ended:
        """Fetch into an empty folder, as in a new pod."""
        if self.sync.root.exists():
            shutil.rmtree(self.sync.root)
        always = [flag.replace(REPOSITORY_FOLDER, str(self.sync.root)) for flag in gitsync.ALWAYS]
        flags = [f"--repo={url or f'file://{self.source}'}", f"--ref={commit}", *always, *more]
        words = {fetch_script.LIVE: " ".join(live), **variables}
        return self.sync.bare(*flags, **words)

    def told(self, commit: str) -> Checkout:
        """Return what the container tells at its end."""
        return told((self.sync.folder / "told").read_text(errors="replace"), commit, "Mend it.")

    def file(self, commit: str) -> str:
        return (self.sync.root / ".worktrees" / commit / "file").read_text()


@pytest.fixture
def fetching(sync: GitSync, source: Path) -> Fetching:
    return fetching_by(sync, source)


def fetching_by(sync: GitSync, source: Path) -> Fetching:
    text = fetch_script.SCRIPT.replace(fetch_script.GIT_SYNC, str(sync.program))
    for there, here in (
        (REPOSITORY_FOLDER, "root"),
        (KEPT_FOLDER, "claim/.code/a.git"),
        (fetch_script.TOLD, "told"),
        (GIT_SECRET_FOLDER, "secret"),
    ):
        text = text.replace(there, str(sync.folder / here))
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

    ended = fetching.fetch(first, more=gitsync.AGAIN)

    assert ended.code == 0, ended.err
    assert "can't be used: asking the repository" in ended.err
    assert "error syncing repo, will retry" not in ended.messages, "nobody waits for it to mend itself"
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
    assert fetch_script.NOT_CACHED in ended.err
    assert fetching.file(first) == "one"


def test_an_unknown_commit_is_told_after_one_failure(fetching: Fetching) -> None:
    ended = fetching.fetch("f" * 40)
    assert (ended.code, ended.lines[-1]["failCount"]) == (1, 1)
    assert "not our ref" in ended.lines[-1]["error"]


def test_what_is_fetched_is_told_of_also_where_it_was_kept(fetching: Fetching) -> None:
    subject = "Prices: $(touch gone) `id` %an \x1b[31mred\x1b[0m \u202e\u2028ü " + "long " * 60
    (fetching.source / "file").write_text("two")
    commit_all(fetching.source, f"{subject}\n\nThe body is not told.")
    git(fetching.source, "commit", "--quiet", "--amend", "--no-edit", "--author=Ädä \x07O'Hara <a@b.c>")
    second = git(fetching.source, "rev-parse", "HEAD")
    assert fetching.fetch(second).code == 0
    found = fetching.told(second)
    assert found.subject.startswith("Prices: $(touch gone) `id` %an red ü long long")
    assert found.subject.isprintable() and len(found.subject) <= 200
    assert (found.author, found.warnings) == ("Ädä O'Hara", ())

    (fetching.sync.folder / "told").unlink()
    fetching.source.rename(fetching.source.with_name("gone"))
    assert fetching.fetch(second).code == 0
    assert fetching.told(second) == found


def test_words_that_are_no_text_are_told_as_far_as_they_are(fetching: Fetching) -> None:
    tree = git(fetching.source, "rev-parse", "HEAD^{tree}")
    raw = fetching.sync.folder / "commit"
    who = b"A\xff\xfeda <a@b.c> 1700000000 +0000"
    raw.write_bytes(b"tree " + tree.encode() + b"\nauthor " + who + b"\ncommitter " + who + b"\n\n\xff ok\n")
    commit = git(fetching.source, "hash-object", "-t", "commit", "-w", str(raw))
    git(fetching.source, "update-ref", "refs/heads/odd", commit)
    assert fetching.fetch(commit).code == 0
    found = fetching.told(commit)
    assert found.subject.endswith("ok")
    assert found.author.startswith("A") and found.author.endswith("da")


def test_pointers_of_large_files_are_named_below_the_project_alone(fetching: Fetching) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n"
    (fetching.source / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    for name in ("team/a.bin", "team/dé x.bin", "team/c.bin", "team/d.bin", "other/e.bin"):
        (fetching.source / name).parent.mkdir(exist_ok=True)
        (fetching.source / name).write_text(pointer)
    (fetching.source / "team" / "notes.md").write_text(pointer)
    (fetching.source / "team" / "real.bin").write_text("content")
    second = commit_all(fetching.source, "Large ones")

    assert fetching.fetch(second, **{fetch_script.SUBDIRECTORY: "team"}).code == 0
    (warning,) = fetching.told(second).warnings
    assert warning.startswith("4 file(s) of the project are pointers of git-lfs and not their content: ")
    assert "team/a.bin, team/c.bin, team/d.bin and 1 more." in warning
    assert fetching.fetch(second, **{fetch_script.SUBDIRECTORY: "."}).code == 0
    assert fetching.told(second).warnings[0].startswith("5 file(s)")
    assert fetching.fetch(second, **{fetch_script.SUBDIRECTORY: "../.."}).code == 0
    assert (fetching.told(second).subject, fetching.told(second).warnings) == ("Large ones", ())


@pytest.mark.parametrize("password", ["", "open-sesame"])
def test_a_private_authority_is_known_with_and_without_a_password(fetching: Fetching, password: str) -> None:
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    secret = fetching.sync.folder / "secret"
    secret.mkdir()
    (secret / "password").write_text(password)
    commit = git(fetching.source, "rev-parse", "HEAD")
    user = {fetch_script.USER_VARIABLE: "ada"} if password else {}
    with http_server(
        fetching.source.parent, user="ada" if password else "", password=password, tls=tls
    ) as at:
        url = f"{at}/{fetching.source.name}"
        stranger = fetching.fetch(commit, url=url, **user)
        authority.cert_pem.write_to_path(secret / "ca.crt")
        known = fetching.fetch(commit, url=url, **user)
    assert stranger.code == 1
    assert "certificate" in stranger.lines[-1]["error"]
    assert known.code == 0, known.err
    assert fetching.file(commit) == "one"
    assert not password or password not in known.err + stranger.err


def test_the_folder_may_be_the_kubelet_s(unprivileged: GitSync, source: Path) -> None:
    """It makes it as root, and git takes the repository for somebody else's; where root runs the tests."""
    served = unprivileged.folder / "served"
    shutil.copytree(source, served)
    for folder in (served, *served.rglob("*")):
        folder.chmod(0o755)
    store = unprivileged.folder / "claim" / ".code" / "a.git"
    store.mkdir(parents=True)
    store.chmod(0o777)
    user = fetching_by(unprivileged, served)
    first = git(source, "rev-parse", "HEAD")
    ended = user.fetch(first)
    assert ended.code == 0, ended.err
    assert fetch_script.NOT_CACHED not in ended.err
    assert user.commits == {first}
