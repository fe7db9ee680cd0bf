"""By which protocols git transfers here: whatever an address, a submodule or a redirect asks for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from playground_ops.core.errors import FindingKind, PlaygroundError
from playground_ops.render import git_protocols
from playground_ops.targets.common.command import quiet_environment
from playground_ops.targets.local import git_command
from playground_ops.targets.local.checkouts import Checkouts
from playground_ops.targets.local.git import resolve
from tests.local.git_servers import http_server
from tests.projects import commit_all, git, repository


def silent(line: str) -> None: ...


@pytest.fixture(autouse=True)
def a_person_who_allows_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "ext:fd:file:hg:https")
    monkeypatch.setenv("GIT_PROTOCOL_FROM_USER", "1")


@pytest.mark.parametrize(
    "url",
    [
        "ext::touch {ran}",
        "ext::sh -c touch% {ran}% [",
        "ssh://-oProxyCommand=touch%20{ran}/x",
        "ssh://%2doProxyCommand=touch%20{ran}/x",
        "git@-oProxyCommand=touch {ran}:x",
        "fd::17/x",
        "ftp://127.0.0.1:1/x",
    ],
)
def test_an_address_runs_nothing_even_where_the_configuration_let_it_pass(url: str, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    with pytest.raises(PlaygroundError) as caught:
        resolve(url.format(ran=ran), "main")
    assert caught.value.finding.kind is FindingKind.CERTAIN
    assert not ran.exists()


@pytest.mark.parametrize("url", ["ext::sh -c touch% {ran}", "file://{secret}", "{secret}", "fd::17/x"])
def test_a_submodule_reads_no_file_of_this_machine_and_runs_nothing(url: str, tmp_path: Path) -> None:
    """Where the commit comes from elsewhere."""
    ran, secret = tmp_path / "ran", repository(tmp_path / "secret")
    (secret / "secret.txt").write_text("hunter2")
    inner = commit_all(secret, "x")
    origin = repository(tmp_path / "served" / "origin")
    (origin / ".gitmodules").write_text(
        f'[submodule "m"]\n\tpath = m\n\turl = {url.format(ran=ran, secret=secret)}\n'
    )
    git(origin, "add", ".gitmodules")
    git(origin, "update-index", "--add", "--cacheinfo", f"160000,{inner},m")
    git(origin, "commit", "--quiet", "-m", "With a submodule")
    git(origin, "update-server-info")
    checkouts = Checkouts(tmp_path / "checkouts", tmp_path / "repositories")
    with http_server(tmp_path / "served") as address, pytest.raises(PlaygroundError) as caught:
        checkouts.ensure(f"{address}/origin/.git", git(origin, "rev-parse", "HEAD"), silent)
    assert "A submodule could not be fetched" in caught.value.finding.observed
    assert not ran.exists()
    assert not list((tmp_path / "checkouts").rglob("secret.txt"))


def test_what_a_process_had_of_gits_configuration_stays() -> None:
    given = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "a.b",
        "GIT_CONFIG_VALUE_0": "c",
        "GIT_ALLOW_PROTOCOL": "ext",
    }
    found = quiet_environment({**os.environ, **given})
    assert found["GIT_CONFIG_VALUE_0"] == "c"
    assert found["GIT_CONFIG_KEY_1"] == "protocol.allow"
    assert found["GIT_CONFIG_COUNT"] == str(1 + len(git_protocols.OPTIONS))
    assert "GIT_ALLOW_PROTOCOL" not in found
    asked = ["config", "--get-regexp", r"^(a\.b|protocol\..*)$"]
    said = git_command.git(asked, git_command.Remote("https://git.test/x"), seconds=20).output
    assert "protocol.allow never" in said
    assert "protocol.https.allow always" in said
    assert "protocol.file.allow user" in said
