"""The script that resolves refs in a pod, with its variables and real git."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
import trustme

from playground_ops.render import one_shot_pods
from playground_ops.render.names import GIT_SECRET_FOLDER
from tests.local.git_servers import http_server
from tests.projects import git


def resolved(url: str, secret: Path, *names: str) -> subprocess.CompletedProcess[str]:
    """Run it as its pod does; `secret` is the folder with what the Secret has."""
    variables = {"PATH": os.environ["PATH"]}
    for one in one_shot_pods.resolver_variables(url, "s"):
        if "value" in one:
            variables[one["name"]] = one["value"].replace(GIT_SECRET_FOLDER, str(secret))
        elif (file := secret / one["valueFrom"]["secretKeyRef"]["key"]).exists():
            variables[one["name"]] = file.read_text()
        else:
            assert one["valueFrom"]["secretKeyRef"]["optional"]
    text = one_shot_pods.RESOLVER_SCRIPT.replace(GIT_SECRET_FOLDER, str(secret))
    command = [str(shutil.which("sh")), "-c", text, one_shot_pods.NAME, url, *names]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("password", ["", "open-sesame"])
def test_a_private_authority_is_known_with_and_without_a_password(
    source: Path, tmp_path: Path, password: str
) -> None:
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    secret = tmp_path / "secret"
    secret.mkdir()
    if password:
        (secret / "username").write_text("ada")
        (secret / "password").write_text(password)
    with http_server(source.parent, user="ada" if password else "", password=password, tls=tls) as at:
        url = f"{at}/{source.name}"
        stranger = resolved(url, secret, "HEAD")
        authority.cert_pem.write_to_path(secret / "ca.crt")
        known = resolved(url, secret, "HEAD", "refs/heads/main", "refs/tags/main")
    assert (stranger.returncode, "certificate" in stranger.stderr) == (128, True)
    commit = git(source, "rev-parse", "HEAD")
    assert known.returncode == 0, known.stderr
    assert known.stdout.splitlines() == [f"{commit}\tHEAD", f"{commit}\trefs/heads/main"]


def test_a_repository_that_wants_a_password_is_told_as_that_where_there_is_none(
    source: Path, tmp_path: Path
) -> None:
    with http_server(source.parent, user="ada", password="open-sesame") as at:
        ended = resolved(f"{at}/{source.name}", tmp_path, "HEAD")
    assert ended.returncode == 128
    assert ended.stderr.startswith("fatal: could not read Username")
