"""Pods fetch from each of the git servers, with the right credentials and with no others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import gitservers
from tests.cluster.access import Access
from tests.cluster.cluster import Cluster
from tests.cluster.images import gitsync_image
from tests.cluster.pods import a_pod, ended
from tests.pipelines import Pipeline, pipeline

pytestmark = pytest.mark.soak
SECRET = "/etc/git-secret"


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    made = pipeline(tmp_path_factory.mktemp("git") / "code")
    made.commit("first")
    return made


@pytest.fixture
def secret(access: Access, namespace: str) -> Iterator[Any]:
    def make(**files: str) -> None:
        access.apply(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "git"}, "stringData": files},
            namespace=namespace,
        )

    make(none="")
    yield make


def fetch(access: Access, namespace: str, name: str, url: str, *flags: str, ca: str = "") -> tuple[int, str]:
    """Return git-sync's exit code and log. `ca` is the secret's file with the authority to trust."""
    env = [{"name": "GIT_SSL_CAINFO", "value": f"{SECRET}/{ca}"}] if ca else []
    volumes = {
        "root": ("/code", {"emptyDir": {}}),
        "secret": (SECRET, {"secret": {"secretName": "git", "defaultMode": 0o440}}),
    }
    arguments = [f"--repo={url}", "--root=/code/git", "--link=current", "--one-time", *flags]
    pod = a_pod(
        name,
        image=gitsync_image.NAME,
        user=gitsync_image.UID,
        volumes=volumes,
        container={"args": arguments, "env": env},
    )
    access.apply(pod, namespace=namespace)
    return ended(access, namespace, name)


def test_anonymously(cluster: Cluster, access: Access, namespace: str, code: Pipeline, secret: Any) -> None:
    with gitservers.anonymous(code.folder.parent) as url:
        done, said = fetch(access, namespace, "there", f"{url}/code")
        assert (done, "updated successfully" in said) == (0, True), said
        done, said = fetch(access, namespace, "nowhere", f"{url}/nosuch")
        assert done == 1
        assert "access denied or repository not exported" in said


@pytest.mark.parametrize("over", ["http", "https"])
def test_by_password(
    cluster: Cluster, access: Access, namespace: str, code: Pipeline, secret: Any, over: str
) -> None:
    secret(token=gitservers.PASSWORD, wrong="guess")
    user = f"--username={gitservers.USER}"
    if over == "https":
        with gitservers.by_password_over_tls(code.folder.parent) as (url, authority):
            done, said = fetch(access, namespace, "stranger", f"{url}/code")
            assert done == 1
            assert "certificate" in said
            secret(authority=authority, token=gitservers.PASSWORD, wrong="guess")
            passwords(access, namespace, url, user)
    else:
        with gitservers.by_password(code.folder.parent) as url:
            passwords(access, namespace, url, user)


def passwords(access: Access, namespace: str, url: str, user: str) -> None:
    ca = "authority" if url.startswith("https") else ""
    cases = {
        "right": ("token", ""),
        "wrong": ("wrong", "Authentication failed"),
        "none": ("", "could not read Username"),
    }
    for name, (file, words) in cases.items():
        flags = [user, f"--password-file={SECRET}/{file}"] if file else []
        done, said = fetch(access, namespace, name, f"{url}/code", *flags, ca=ca)
        assert (done, words in said) == (1 if words else 0, True), said
        assert gitservers.PASSWORD not in said


def test_by_ssh(
    cluster: Cluster, access: Access, namespace: str, code: Pipeline, secret: Any, tmp_path: Path
) -> None:
    with gitservers.by_ssh(code.folder.parent, tmp_path) as ssh:
        files = {
            "ssh": ssh.key,
            "known_hosts": ssh.known_hosts,
            "stranger": ssh.stranger,
            "nobody": "",
        }
        secret(**files)
        url = f"{ssh.url}/code"
        done, said = fetch(access, namespace, "right", url)
        assert done == 0, said
        for name, flag, words in (
            ("stranger", f"--ssh-key-file={SECRET}/stranger", "Permission denied (publickey)"),
            ("unknown", f"--ssh-known-hosts-file={SECRET}/nobody", "Host key verification failed"),
        ):
            done, said = fetch(access, namespace, name, url, flag)
            assert (done, words in said) == (1, True), said
