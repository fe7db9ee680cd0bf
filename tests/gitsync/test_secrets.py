"""Passwords and keys of git-sync."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest

from tests.gitsync.running import GitSync, script, unavailable
from tests.local.git_servers import closed_port, http_server
from tests.projects import git


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
