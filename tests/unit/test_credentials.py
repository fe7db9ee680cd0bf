"""Plain kubeconfig entries are read as kubectl reads them; all others are left to the official client."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from playground_ops.core.errors import BadInput
from playground_ops.targets.kubernetes.api import credentials
from playground_ops.targets.kubernetes.api.connection import Connection

SERVER = "https://127.0.0.1:6443"


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


def written(file: Path, cluster: dict[str, Any], user: dict[str, Any], name: str = "one") -> Path:
    context = {"name": name, "context": {"cluster": name, "user": name}}
    document = {
        "contexts": [context],
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
    }
    file.write_text(yaml.safe_dump(document))
    return file


def encoded(text: bytes) -> str:
    return base64.b64encode(text).decode()


@pytest.mark.parametrize("inline", [True, False])
def test_certificates_from_files_beside_it_or_from_within(
    tmp_path: Path, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, inline: bool
) -> None:
    leaf = authority.issue_cert("localhost", common_name="admin")
    parts = {
        "certificate-authority": authority.cert_pem.bytes(),
        "client-certificate": leaf.cert_chain_pems[0].bytes(),
        "client-key": leaf.private_key_pem.bytes(),
    }
    fields: dict[str, str] = {}
    for name, content in parts.items():
        (tmp_path / name).write_bytes(content)
        fields |= {f"{name}-data": encoded(content)} if inline else {name: name}
    cluster = {key: value for key, value in fields.items() if key.startswith("certificate-authority")}
    user = {key: value for key, value in fields.items() if key not in cluster}
    file = written(tmp_path / "config", {"server": f"{SERVER}/", **cluster}, user)
    monkeypatch.setenv("KUBECONFIG", str(file))
    found = credentials.plain("one")
    assert found is not None
    assert (found.server, found.headers()) == (SERVER, {})
    assert [one["subject"] for one in found.tls.get_ca_certs()] != []


def test_a_token_is_sent_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, authority: trustme.CA
) -> None:
    ca = {"certificate-authority-data": encoded(authority.cert_pem.bytes())}
    file = written(tmp_path / "config", {"server": SERVER, **ca}, {"token": "abc123"})
    monkeypatch.setenv("KUBECONFIG", str(file))
    found = credentials.plain("one")
    assert found is not None
    assert found.headers() == {"Authorization": "Bearer abc123"}
    assert "abc123" not in repr(found)


def test_a_token_file_is_read_again_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path / "config", {"server": SERVER}, {"tokenFile": "token"})
    monkeypatch.setenv("KUBECONFIG", str(file))
    found = credentials.plain("one")
    assert found is not None
    for token in ("first", "second"):
        (tmp_path / "token").write_text(f"{token}\n")
        assert found.headers() == {"Authorization": f"Bearer {token}"}


def test_of_several_files_the_first_that_has_an_entry_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = written(tmp_path / "first", {"server": SERVER}, {"token": "a"})
    second = written(tmp_path / "second", {"server": "https://other"}, {"token": "b"})
    third = written(tmp_path / "third", {"server": "https://two"}, {"token": "c"}, "two")
    places = [str(tmp_path / "nosuch"), *map(str, (first, second, third))]
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(places))
    servers = [found.server for name in ("one", "two") if (found := credentials.plain(name))]
    assert servers == [SERVER, "https://two"]


@pytest.mark.parametrize(
    ("cluster", "user"),
    [
        ({"server": SERVER}, {"exec": {"command": "aws"}}),
        ({"server": SERVER}, {"auth-provider": {"name": "oidc"}}),
        ({"server": SERVER}, {"username": "ada", "password": "x"}),
        ({"server": SERVER, "insecure-skip-tls-verify": True}, {}),
        ({"server": SERVER, "proxy-url": "http://proxy"}, {}),
        ({"server": "http://127.0.0.1:8080"}, {}),
        ({"server": SERVER, "certificate-authority": "nosuch"}, {}),
        ({"server": SERVER, "certificate-authority-data": "no base64"}, {}),
        ({"server": SERVER}, {"client-certificate": "nosuch", "client-key": "nosuch"}),
    ],
)
def test_whatever_is_not_plain_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: dict[str, Any], user: dict[str, Any]
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(written(tmp_path / "config", cluster, user)))
    assert credentials.plain("one") is None
    assert credentials.plain("nosuch") is None


def test_a_proxy_is_left_to_the_official_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(written(tmp_path / "config", {"server": SERVER}, {})))
    assert credentials.plain("one") is not None
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    assert credentials.plain("one") is None


def test_a_file_that_is_no_kubeconfig_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("", "a: [", "- 1", "contexts: 7", "contexts: [{}]"):
        (tmp_path / "config").write_text(text)
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
        assert credentials.plain("one") is None


def test_what_the_official_client_reads_is_the_kubeconfig_of_now_not_of_when_it_was_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import kubernetes.config

    assert kubernetes.config.KUBE_CONFIG_DEFAULT_LOCATION  # read when it was imported
    insecure = {"server": SERVER, "insecure-skip-tls-verify": True}
    monkeypatch.setenv("KUBECONFIG", str(written(tmp_path / "late", insecure, {"token": "abc123"})))
    assert credentials.contexts() == ["one"]
    assert (way := Connection("one").way).server == SERVER
    assert way.headers() == {"authorization": "Bearer abc123"}
    with pytest.raises(BadInput, match="The kubeconfig has: one"):
        _ = Connection("two").way
