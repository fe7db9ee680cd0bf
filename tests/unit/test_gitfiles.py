"""Files with credentials for git: each way in which one can be wrong is reported before it is sent."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest
import trustme

from playground_ops.core.errors import BadInput, Finding
from playground_ops.diagnose.authorities import faults_of_authorities
from playground_ops.diagnose.git_credentials import (
    faults_of_key,
    faults_of_known_hosts,
    faults_of_token,
    faults_of_username,
    host_of,
)
from playground_ops.targets.kubernetes.outside import git_authority
from tests.local.git_servers import closed_port
from tests.tls import showing

NOW = datetime(2030, 1, 1, tzinfo=timezone.utc)
URL = "ssh://git@git.test:2222/team/x.git"
ENTRY = b"[git.test]:2222 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== a comment\n"

MakeKey = Callable[..., bytes]


@pytest.fixture
def key(tmp_path: Path) -> MakeKey:
    program = shutil.which("ssh-keygen")
    assert program is not None

    def make(*options: str, passphrase: str = "", public: bool = False) -> bytes:
        file = tmp_path / "key"
        file.unlink(missing_ok=True)
        given = options or ("-t", "ed25519")
        subprocess.run([program, "-q", *given, "-N", passphrase, "-f", str(file)], check=True)
        return (tmp_path / ("key.pub" if public else "key")).read_bytes()

    return make


def told(found: list[Finding]) -> str:
    return " ".join(one.sentence() for one in found)


def test_a_good_key_of_every_kind(key: MakeKey) -> None:
    assert faults_of_key("k", key()) == []
    assert faults_of_key("k", key("-t", "rsa", "-b", "2048")) == []
    assert faults_of_key("k", key("-t", "rsa", "-b", "2048", "-m", "PEM")) == []


@pytest.mark.parametrize("form", [(), ("-m", "PEM"), ("-m", "PKCS8")], ids=["openssh", "pem", "pkcs8"])
def test_a_key_with_a_passphrase(key: MakeKey, form: tuple[str, ...]) -> None:
    content = key("-t", "rsa", "-b", "2048", *form, passphrase="open sesame")
    assert "has a passphrase" in told(faults_of_key("k", content))


def test_a_key_that_is_none_or_can_not_be_read(key: MakeKey) -> None:
    good = key()
    for content, words in (
        (key(public=True), "public key"),
        (b"", "empty"),
        (b" \n", "empty"),
        (b"hello\n", "no whole private key"),
        (good[:100], "no whole private key"),
        (good.replace(b"\n", b"\r\n"), "as on Windows"),
        (good.rstrip(), "last line has no end"),
        (b"PuTTY-User-Key-File-3: ssh-ed25519\n", "puttygen"),
    ):
        assert words in told(faults_of_key("k", content)), content


def test_what_is_told_never_holds_the_key(key: MakeKey) -> None:
    good = key()
    secret = good.splitlines()[1].decode()
    for content in (good.rstrip(), good[:150], good.replace(b"\n", b"\r\n")):
        found = faults_of_key("k", content)
        assert found
        assert secret[:20] not in repr(found)
    assert "hunter2" not in repr(faults_of_token("t", b"hunter2\n"))


@pytest.mark.parametrize(
    ("url", "host"),
    [
        (URL, "[git.test]:2222"),
        ("ssh://git@git.test/x", "git.test"),
        ("ssh://git@git.test:22/x", "git.test"),
        ("git@Git.Test:team/x.git", "git.test"),
    ],
)
def test_the_host_as_known_hosts_has_it(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize(
    ("names", "known"),
    [
        ("[git.test]:2222", True),
        ("other.test,[git.test]:2222", True),
        ("[*.test]:2222", True),
        ("[git.tes?]:2222", True),
        ("git.test", False),
        ("[git.test]:22", False),
        ("*,![git.test]:2222", False),
        ("@cert-authority [git.test]:2222", True),
        ("@revoked [git.test]:2222", False),
    ],
)
def test_which_hosts_an_entry_is_for(names: str, known: bool) -> None:
    other = b"elsewhere.test ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==\n"
    content = other + names.encode() + b" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==\n"
    found = faults_of_known_hosts("h", content, [URL])
    assert (found == []) is known
    if not known:
        assert "no entry for [git.test]:2222" in told(found)


def test_hosts_that_are_hashed_are_found_too(tmp_path: Path) -> None:
    (tmp_path / "h").write_bytes(ENTRY)
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(tmp_path / "h")], check=True, capture_output=True)
    hashed = (tmp_path / "h").read_bytes()
    assert hashed.startswith(b"|1|")
    assert faults_of_known_hosts("h", hashed, [URL]) == []
    assert "no entry for git.test" in told(faults_of_known_hosts("h", hashed, ["git@git.test:x"]))


def test_known_hosts_without_a_host(key: MakeKey) -> None:
    for content, words in (
        (b"", "No host"),
        (b"# git.test:22 SSH-2.0-OpenSSH\n\n", "No host"),
        (key(public=True), "Not every line"),
        (b"git.test\n", "Not every line"),
    ):
        assert words in told(faults_of_known_hosts("h", content, [])), content
    assert faults_of_known_hosts("h", b"# by ssh-keyscan\n" + ENTRY, []) == []


def test_tokens(key: MakeKey) -> None:
    assert faults_of_token("t", b"glpat-abc") == []
    assert faults_of_token("t", b"correct horse battery staple") == []
    for content, words in (
        (b"", "empty"),
        (b"\n", "empty"),
        (b"token\n", "line end"),
        (b"token\r\n", "line end"),
        (b"token \n", "line end"),
        (b" token", "not one line"),
        (b"a\nb\n", "not one line"),
        (b"a\tb", "not one line"),
        (b"\xff\xfet\0o\0", "not one line"),
        (b"\xef\xbb\xbftoken", "not one line"),
        (key(), "holds a key"),
        (key(public=True), "holds a key"),
    ):
        assert words in told(faults_of_token("t", content)), content


def certificate(authority: trustme.CA) -> bytes:
    return authority.cert_pem.bytes()


def test_authorities(key: MakeKey) -> None:
    one, two = trustme.CA(), trustme.CA()
    assert faults_of_authorities("c", certificate(one), NOW) == []
    assert faults_of_authorities("c", b"# ours\r\n" + certificate(one) + certificate(two), NOW) == []
    der = ssl.PEM_cert_to_DER_cert(certificate(one).decode())
    for content, words in (
        (b"", "no whole certificate"),
        (b"\xff\xfe", "no whole certificate"),
        (certificate(one)[:200], "no whole certificate"),
        (key(public=True), "no whole certificate"),
        (der, "DER form"),
        (certificate(one) + one.private_key_pem.bytes(), "holds a private key"),
    ):
        assert words in told(faults_of_authorities("c", content, NOW)), content
    late = datetime(9999, 1, 1, tzinfo=timezone.utc)
    assert "has expired" in told(faults_of_authorities("c", certificate(one), late))


def test_the_server_s_own_certificate_must_be_of_the_authority(tmp_path: Path) -> None:
    ours, other = trustme.CA(), trustme.CA()
    with (
        showing(ours.issue_cert("127.0.0.1")) as good,
        showing(other.issue_cert("127.0.0.1")) as strange,
        showing(ours.issue_cert("git.test")) as named,
        showing(ours.issue_cert("127.0.0.1", not_after=datetime(2020, 1, 1))) as expired,
    ):
        urls = {port: f"https://127.0.0.1:{port}/x.git" for port in (good, strange, named, expired)}
        away = [f"https://127.0.0.1:{closed_port()}/x", "ssh://git@127.0.0.1/x", "/x"]
        assert git_authority.check("c", certificate(ours), [urls[good], urls[good], *away]) == [
            away[0].removeprefix("https://").removesuffix("/x")
        ]
        with pytest.raises(BadInput) as caught:
            git_authority.check("c", certificate(ours), [*urls.values(), *away])
    said = {one.observed.split(" is not good")[0].rpartition(":")[2]: one for one in caught.value.findings}
    assert said.keys() == {str(strange), str(named), str(expired)}
    assert "Another authority" in said[str(strange)].cause
    assert "other names" in said[str(named)].cause
    assert "has expired" in said[str(expired)].cause


def test_one_between_the_root_and_the_server_suffices_as_it_does_for_git() -> None:
    root = trustme.CA()
    between = root.create_child_ca()
    with showing(between.issue_cert("127.0.0.1")) as port:
        assert git_authority.check("c", certificate(between), [f"https://127.0.0.1:{port}/x"]) == []


def test_usernames() -> None:
    assert faults_of_username("git") == []
    for name in ("", "a b", "a:b", "a\n"):
        assert faults_of_username(name), name
