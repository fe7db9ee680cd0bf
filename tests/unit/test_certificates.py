"""How long the certificate of the UI's host is valid, read from real TLS servers."""

from __future__ import annotations

import socket
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import trustme

from playground_ops.config import read
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.objects import certificates
from tests.tls import showing

HOST = "dagster.example.com"
NOW = datetime.now(timezone.utc)
DAY = timedelta(days=1)
FILE = f"""
kubernetes: {{ingress: {{host: {HOST}, tls_secret: dagster-tls}}}}
code_locations: [{{name: a}}]
"""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of this process trusts the authority."""
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))


class Cluster(Connection):
    """Stands in for an API server that has one Ingress, with its address where it has one."""

    def __init__(self, *addresses: str) -> None:
        super().__init__(None)
        self._status = {"loadBalancer": {"ingress": [{"ip": one} for one in addresses]}} if addresses else {}
        self.asked: list[str] = []

    def get(self, path: str, **query: str) -> Any:
        self.asked.append(path)
        return {"status": self._status}


def told(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, begins: datetime, ends: datetime, host: str = HOST
) -> str | None:
    with showing(authority.issue_cert(host, not_before=begins, not_after=ends)) as port:
        monkeypatch.setattr(certificates, "HTTPS", port)
        found = certificates.expiring(Cluster("127.0.0.1"), read(FILE, Path("x.yaml")), NOW)
    return found["webserver"].observed if found else None


@pytest.mark.parametrize(
    ("lived", "left", "seen"),
    [
        (60 * DAY, 30 * DAY, None),
        (350 * DAY, 15 * DAY, None),
        (350 * DAY, 13 * DAY, "expires on"),
        (3 * DAY, 3 * DAY, None),  # the certificate is valid for six days in all
        (85 * DAY, -DAY, "has expired"),
    ],
)
@pytest.mark.usefixtures("trusted")
def test_what_expires_soon_is_told(
    authority: trustme.CA,
    monkeypatch: pytest.MonkeyPatch,
    lived: timedelta,
    left: timedelta,
    seen: str | None,
) -> None:
    said = told(authority, monkeypatch, NOW - lived, NOW + left)
    assert said is None if seen is None else said is not None and f"{HOST} {seen}" in said


@pytest.mark.usefixtures("trusted")
def test_another_host_s_is_not_judged(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(authority, monkeypatch, NOW - DAY, NOW + DAY, "other.example.com") is None


def test_nor_that_of_an_unknown_authority(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(authority, monkeypatch, NOW - 9 * DAY, NOW + DAY) is None


def test_nothing_is_said_of_what_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        monkeypatch.setattr(certificates, "HTTPS", closed.getsockname()[1])
    configuration = read(FILE, Path("x.yaml"))
    assert certificates.expiring(Cluster("127.0.0.1"), configuration, NOW) == {}
    assert certificates.expiring(Cluster(), configuration, NOW) == {}


def test_without_tls_nobody_is_asked() -> None:
    cluster = Cluster("127.0.0.1")
    for text in ("code_locations: [{name: a}]", f"kubernetes: {{ingress: {{host: {HOST}}}}}"):
        assert certificates.expiring(cluster, read(text, Path("x.yaml")), NOW) == {}
    assert cluster.asked == []
