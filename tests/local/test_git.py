from __future__ import annotations

import os
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
import trustme

from playground_ops.core.errors import FindingKind, PlaygroundError
from playground_ops.diagnose.git_errors import explain, explain_in_pod
from playground_ops.targets.local.git import describe, fetch, resolve
from tests.local.git_servers import closed_port, http_server, silent_server
from tests.projects import commit_all, git, repository


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """Two commits on `main`, the first one tagged `v1` with a message."""
    place = repository(tmp_path / "origin")
    (place / "file").write_text("one")
    commit_all(place, "The first")
    git(place, "tag", "--annotate", "v1", "--message", "one")
    (place / "file").write_text("two")
    commit_all(place, "The second: ümläut")
    return place


def head(place: Path, name: str = "HEAD") -> str:
    return git(place, "rev-parse", f"{name}^{{commit}}")


def silent(line: str) -> None: ...


def refused(url: str | Path, ref: str | None, seconds: float = 20.0) -> PlaygroundError:
    with pytest.raises(PlaygroundError) as caught:
        resolve(str(url), ref, seconds=seconds)
    return caught.value


class TestResolve:
    def test_nothing_given_means_head(self, origin: Path) -> None:
        assert resolve(str(origin), None).commit == head(origin)

    def test_a_branch_with_a_slash(self, origin: Path) -> None:
        git(origin, "branch", "team/feature", "HEAD~1")
        assert resolve(f"file://{origin}", "team/feature").commit == head(origin, "HEAD~1")

    def test_an_annotated_tag_means_the_commit_it_points_at(self, origin: Path) -> None:
        assert resolve(str(origin), "v1").commit == head(origin, "HEAD~1")
        assert resolve(str(origin), "refs/tags/v1").commit == head(origin, "HEAD~1")

    def test_a_full_commit_is_taken_without_asking(self) -> None:
        revision = resolve("https://127.0.0.1:1/nobody", "A" * 40)
        assert revision.commit == "a" * 40

    def test_only_exact_names_count(self, origin: Path) -> None:
        # given: a name that ends like the one asked for
        git(origin, "branch", "other/release")
        git(origin, "update-ref", "refs/remotes/x/refs/heads/release", "HEAD~1")
        # then
        assert "no branch or tag `release`" in str(refused(origin, "release"))

    def test_a_branch_and_a_tag_of_one_name_at_different_commits(self, origin: Path) -> None:
        git(origin, "branch", "v1", "HEAD")
        error = refused(origin, "v1")
        assert error.finding.kind is FindingKind.CERTAIN
        assert "both a branch and a tag" in str(error)
        assert "refs/heads/v1" in error.finding.fix
        # and: by its full name it is no longer ambiguous
        assert resolve(str(origin), "refs/heads/v1").commit == head(origin)

    def test_a_branch_and_a_tag_of_one_name_at_one_commit(self, origin: Path) -> None:
        git(origin, "branch", "v1", "v1^{commit}")
        assert resolve(str(origin), "v1").commit == head(origin, "HEAD~1")

    def test_a_short_commit_is_called_one(self, origin: Path) -> None:
        error = refused(origin, head(origin)[:9])
        assert "short commit" in str(error)
        assert error.finding.kind is FindingKind.CERTAIN

    def test_a_branch_may_look_like_a_short_commit(self, origin: Path) -> None:
        git(origin, "branch", "deadbeef")
        assert resolve(str(origin), "deadbeef").commit == head(origin)

    def test_an_unknown_branch_names_its_neighbours(self, origin: Path) -> None:
        git(origin, "branch", "production")
        error = refused(origin, "prodution")
        assert "`production`" in str(error)
        assert error.finding.kind is FindingKind.CERTAIN

    def test_an_empty_repository(self, tmp_path: Path) -> None:
        assert "leads to no commit" in str(refused(repository(tmp_path / "empty"), None))
        assert "empty" in str(refused(tmp_path / "empty", "main"))

    @pytest.mark.parametrize("ref", ["--upload-pack=touch /tmp/x", "a b", "a..b", "x*", "", "a/", "a@{1}"])
    def test_what_can_be_no_name_is_refused_before_git_sees_it(self, origin: Path, ref: str) -> None:
        assert "can't be the name" in str(refused(origin, ref))

    def test_a_sha256_repository_is_named_as_such(self, tmp_path: Path) -> None:
        place = tmp_path / "long"
        place.mkdir()
        git(place, "init", "--quiet", "--object-format=sha256")
        commit_all(place, "x")
        assert "SHA-256" in str(refused(place, None))


class TestUnreachable:
    def test_no_repository_there(self, tmp_path: Path) -> None:
        error = refused(tmp_path / "nowhere", "main")
        assert error.finding.kind is FindingKind.CERTAIN
        assert "no repository" in str(error)

    @pytest.mark.parametrize("url", ["relative/path", "-c", "--upload-pack=x", "."])
    def test_what_is_no_url(self, url: str) -> None:
        assert "neither a URL nor an absolute path" in str(refused(url, "main"))

    def test_a_transport_that_runs_commands_is_not_allowed(self, tmp_path: Path) -> None:
        error = refused(f"ext::touch {tmp_path}/ran", "main")
        assert "does not take this kind of URL" in str(error)
        assert not (tmp_path / "ran").exists()

    def test_connection_refused_may_pass(self) -> None:
        error = refused(f"http://127.0.0.1:{closed_port()}/x.git", "main")
        assert error.finding.kind is FindingKind.TRANSIENT

    @pytest.mark.skipif(shutil.which("ssh") is None, reason="no ssh on this machine")
    def test_ssh_connection_refused_may_pass(self) -> None:
        error = refused(f"ssh://git@127.0.0.1:{closed_port()}/x.git", "main")
        assert error.finding.kind is FindingKind.TRANSIENT
        assert "refused" in str(error)

    def test_a_server_that_says_nothing_is_given_up_at_the_deadline(self) -> None:
        with silent_server() as url:
            started = time.monotonic()
            error = refused(f"{url}/x.git", "main", seconds=1.0)
        assert time.monotonic() - started < 10
        assert error.finding.kind is FindingKind.TRANSIENT
        assert "no answer after 1 s" in str(error)

    def test_a_server_that_has_a_hiccup_may_recover(self, tmp_path: Path) -> None:
        with http_server(tmp_path, status=503) as url:
            assert refused(f"{url}/x.git", "main").finding.kind is FindingKind.TRANSIENT

    def test_a_proxy_that_wants_credentials_is_told_as_that(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with http_server(tmp_path, status=407) as proxy:
            monkeypatch.setenv("http_proxy", proxy)
            monkeypatch.delenv("no_proxy", raising=False)
            error = refused("http://git.test/x.git", "main")
        assert "A proxy on the way wants credentials" in str(error)

    @pytest.mark.parametrize(
        ("name", "known", "observed", "fix", "in_pod"),
        [
            ("127.0.0.1", "", "not trusted", "http.sslCAInfo", "`secret git NAME --ca-file FILE`"),
            ("other.test", "ours", "for another name", "Use the name", "Use the name"),
            ("127.0.0.1", "/nosuch", "can't be used", "--show-origin", "`ca.crt` of the Secret"),
        ],
        ids=["unknown authority", "another name", "no file"],
    )
    def test_a_certificate_that_is_not_good_is_told_by_its_cause(
        self,
        origin: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        name: str,
        known: str,
        observed: str,
        fix: str,
        in_pod: str,
    ) -> None:
        authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(tls)
        authority.cert_pem.write_to_path(tmp_path / "ours")
        if known:
            monkeypatch.setenv("GIT_SSL_CAINFO", str(tmp_path / known))
        with http_server(origin.parent, tls=tls) as url:
            found = refused(f"{url}/origin/.git", "main").finding
        assert (found.kind, observed in found.observed, fix in found.fix) == (FindingKind.CERTAIN, True, True)
        told = explain_in_pod("pod/p/git-sync", found.evidence)
        assert (in_pod in told.fix, "--global" in told.fix) == (True, False)
        assert not told.rejects

    def test_a_password_is_never_asked_for(
        self, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # given: somebody whose git would ask in a window
        window = tmp_path / "askpass"
        window.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\necho right\n")
        window.chmod(0o755)
        monkeypatch.setenv("GIT_ASKPASS", str(window))
        monkeypatch.setenv("SSH_ASKPASS", str(window))
        with http_server(origin.parent, user="bob", password="s3cret") as url:
            error = refused(f"{url}/origin/.git", "main")
        assert error.finding.kind is FindingKind.CERTAIN
        assert "credentials" in str(error)
        assert not (tmp_path / "asked").exists()

    def test_a_host_key_that_is_not_known(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        ssh = tmp_path / "ssh"
        ssh.write_text("#!/bin/sh\necho 'Host key verification failed.' >&2\nexit 255\n")
        ssh.chmod(0o755)
        monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
        error = refused("git@example.test:x.git", "main")
        assert error.finding.kind is FindingKind.CERTAIN
        assert "known_hosts" in str(error)

    def test_without_git(self, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        assert "no `git` on this machine" in str(refused(origin, "main"))

    def test_what_git_never_said_before_may_pass_and_is_quoted(self) -> None:
        finding = explain("repository/x", "fatal: the moon is full\n")
        assert finding.kind is FindingKind.TRANSIENT
        assert "the moon is full" in finding.sentence()

    def test_a_full_disk_is_nobodys_fault(self) -> None:
        words = "fatal: write error: No space left on device\nfatal: index-pack failed"
        assert explain("repository/x", words).kind is FindingKind.CAPACITY


class TestCredentials:
    def test_those_in_the_url_work_and_show_nowhere(self, origin: Path, tmp_path: Path) -> None:
        # given
        arguments: list[str] = []
        with http_server(origin.parent, user="bob", password="s3cret/%") as plain:
            url = plain.replace("://", "://bob:s3cret%2F%25@") + "/origin/.git"
            # when
            revision = resolve(url, "main")
            watcher = _watch(arguments)
            fetch(url, revision.commit, tmp_path / "mirrors" / "m", silent)
            watcher()
        # then
        assert revision.repository == f"{plain}/origin/.git"
        assert arguments
        assert not any("s3cret" in line for line in arguments)
        assert "s3cret" not in (tmp_path / "mirrors" / "m" / "config").read_text()

    def test_wrong_ones_are_not_repeated_in_the_message(self, origin: Path) -> None:
        with http_server(origin.parent, user="bob", password="right") as plain:
            error = refused(plain.replace("://", "://bob:wr0ng@") + "/origin/.git", "main")
        assert "wr0ng" not in str(error) + error.finding.evidence
        assert error.finding.kind is FindingKind.CERTAIN


def _watch(arguments: list[str]):  # type: ignore[no-untyped-def]
    """Collect the argument lists of this process's descendants until the result is called."""
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            for child in psutil.Process().children(recursive=True):
                try:
                    arguments.append(" ".join(child.cmdline()))
                except psutil.Error:
                    continue

    thread = threading.Thread(target=look)
    thread.start()

    def stop() -> None:
        done.set()
        thread.join()

    return stop


class TestFetch:
    def test_exactly_one_commit_without_history(self, origin: Path, tmp_path: Path) -> None:
        mirror = tmp_path / "mirrors" / "m"
        fetch(f"file://{origin}", head(origin, "HEAD~1"), mirror, silent)
        assert describe(mirror, head(origin, "HEAD~1")).subject == "The first"
        assert git(mirror, "rev-list", "--all", "--count") == "1"

    def test_what_is_there_needs_no_network(self, origin: Path, tmp_path: Path) -> None:
        mirror = tmp_path / "mirrors" / "m"
        commit = head(origin)
        fetch(str(origin), commit, mirror, silent)
        shutil.rmtree(origin)
        fetch(str(origin), commit, mirror, silent)
        assert describe(mirror, commit).author == "Ada"
        assert describe(mirror, commit).subject == "The second: ümläut"

    def test_a_server_that_gives_no_single_commit(
        self, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # given: git's old protocol, in which only tips may be asked for
        config = tmp_path / "gitconfig"
        config.write_text("[protocol]\n\tversion = 0\n")
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
        said: list[str] = []
        mirror = tmp_path / "mirrors" / "m"
        # when
        fetch(f"file://{origin}", head(origin, "HEAD~1"), mirror, said.append)
        # then
        assert any("all branches and tags" in line for line in said)
        assert describe(mirror, head(origin, "HEAD~1")).subject == "The first"
        # and: the same mirror goes on to serve single commits
        fetch(f"file://{origin}", head(origin), mirror, silent)

    def test_a_commit_that_is_not_there(self, origin: Path, tmp_path: Path) -> None:
        with pytest.raises(PlaygroundError) as caught:
            fetch(f"file://{origin}", "0123456789" * 4, tmp_path / "mirrors" / "m", silent)
        assert caught.value.finding.kind is FindingKind.CERTAIN
        assert "not in the repository" in str(caught.value)

    def test_the_id_of_a_tag_is_not_a_commit(self, origin: Path, tmp_path: Path) -> None:
        tag = git(origin, "rev-parse", "refs/tags/v1")
        with pytest.raises(PlaygroundError) as caught:
            fetch(f"file://{origin}", tag, tmp_path / "mirrors" / "m", silent)
        assert "is not a commit" in str(caught.value)

    def test_over_http(self, origin: Path, tmp_path: Path) -> None:
        with http_server(origin.parent) as url:
            revision = resolve(f"{url}/origin/.git", "v1")
            fetch(f"{url}/origin/.git", revision.commit, tmp_path / "mirrors" / "m", silent)
        assert describe(tmp_path / "mirrors" / "m", revision.commit).subject == "The first"

    def test_a_mirror_that_a_kill_left_locked_is_made_anew(self, origin: Path, tmp_path: Path) -> None:
        # given
        mirror = tmp_path / "mirrors" / "m"
        fetch(f"file://{origin}", head(origin), mirror, silent)
        (mirror / "shallow.lock").write_text("")
        said: list[str] = []
        # when
        fetch(f"file://{origin}", head(origin, "HEAD~1"), mirror, said.append)
        # then
        assert any("fetched anew" in line for line in said)
        assert describe(mirror, head(origin, "HEAD~1")).subject == "The first"

    def test_two_at_once_wait_for_each_other(self, origin: Path, tmp_path: Path) -> None:
        mirror = tmp_path / "mirrors" / "m"
        program = (
            "import sys; from pathlib import Path; from playground_ops.targets.local.git import fetch;"
            "fetch(sys.argv[1], sys.argv[2], Path(sys.argv[3]), lambda line: None)"
        )
        commits = [head(origin), head(origin, "HEAD~1")] * 2
        running = [
            subprocess.Popen([sys.executable, "-c", program, f"file://{origin}", commit, str(mirror)])
            for commit in commits
        ]
        assert [process.wait(60) for process in running] == [0, 0, 0, 0]
        assert {describe(mirror, commit).author for commit in commits} == {"Ada"}

    def test_a_killed_fetch_leaves_no_lock_and_nothing_in_the_way(self, origin: Path, tmp_path: Path) -> None:
        # given: a fetch that hangs, and is killed
        mirror = tmp_path / "mirrors" / "m"
        program = (
            "import sys; from pathlib import Path; from playground_ops.targets.local.git import fetch;"
            "fetch(sys.argv[1], 'a' * 40, Path(sys.argv[2]), lambda line: print(line, flush=True))"
        )
        with silent_server() as url:
            process = subprocess.Popen(
                [sys.executable, "-c", program, url, str(mirror)], stdout=subprocess.PIPE, text=True
            )
            assert process.stdout is not None
            assert "Fetching" in process.stdout.readline()
            orphans = psutil.Process(process.pid).children(recursive=True)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()
            # when
            fetch(f"file://{origin}", head(origin), mirror, silent)
        # then
        assert describe(mirror, head(origin)).author == "Ada"
        for orphan in orphans:
            if orphan.is_running():
                orphan.kill()
