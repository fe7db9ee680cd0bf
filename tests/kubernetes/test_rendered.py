"""Rendered objects on a real API server: accepted without a warning, and they come up and recover."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings

from playground_ops.config import Configuration, read
from playground_ops.config.store import ACCOUNT
from playground_ops.render import files
from playground_ops.render.stack import render
from tests.asking import eventually
from tests.cluster.access import Access, KubectlFailed
from tests.rendered import ELSEWHERE, IN_GOOGLE, WHOLE, code_archive, everything
from tests.unit.test_render import FILES

HERE = Path("configvalues.yaml")
ACCOUNTS = ("get", "serviceaccounts", "-o", "name")
THERE = "default"
"""The namespace of isolated locations: one that exists."""
TEXTS = {"default": "", "every key": WHOLE, "elsewhere": ELSEWHERE, "in Google": IN_GOOGLE}
PASSWORD = "a password 'of' tests$"


def configured(text: str, namespace: str) -> Configuration:
    found = read(text, HERE)
    settings = found.kubernetes.model_copy(update={"namespace": namespace, "artifacts": "64Mi"})
    postgres = found.postgres.model_copy(update={"storage": "128Mi"})
    locations = tuple(
        one.model_copy(update={"isolation": one.isolation.model_copy(update={"namespace": THERE})})
        if one.isolation
        else one
        for one in found.locations
    )
    return found.model_copy(update={"kubernetes": settings, "postgres": postgres, "locations": locations})


def folder(path: Path, namespace: str, text: str) -> Path:
    """Write the files as `generate` does."""
    for name, content in files.files(render(configured(text, namespace)), "a test").items():
        (path / name).write_text(content)
    return path


def apply(access: Access, path: Path, *more: str) -> str:
    """Apply; any warning of admission is a failure."""
    return access.kubectl("apply", "--server-side", "--warnings-as-errors", "-f", str(path), *more)


def accept(access: Access, objects: list[dict[str, Any]], folder: Path) -> None:
    """Check that kubectl reads what `generate` writes as it was rendered, and that the server takes it."""
    (written,) = files.files({"all": objects}, "a test").items()
    path = folder / written[0]
    path.write_text(written[1])
    read_by_it = access.kubectl(
        "create", "--dry-run=client", "--validate=false", "-o", "json", "-f", str(path)
    )
    assert several(read_by_it) == objects
    told = apply(access, path, "--dry-run=server")
    assert told.count("serverside-applied (server dry run)") == len(objects)


def several(told: str) -> list[dict[str, Any]]:
    """Read JSON documents, one after the other or in a List."""
    found, decoder, rest = [], json.JSONDecoder(), told.strip()
    while rest:
        one, end = decoder.raw_decode(rest)
        found += one["items"] if one["kind"] == "List" else [one]
        rest = rest[end:].strip()
    return found


@pytest.fixture
def accounts(access: Access, namespace: str) -> None:
    """Make the accounts of bare pods, which the server requires."""
    eventually("an account for pods", lambda: "default" in access.kubectl(*ACCOUNTS, namespace=namespace))
    made = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}}
    access.apply(made, namespace=namespace)


@pytest.mark.usefixtures("accounts")
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_everything_is_accepted_by_a_server_that_enforces_restricted(
    access: Access, namespace: str, tmp_path: Path, text: str
) -> None:
    """Releases, resolver pods, remote jobs, migrations too. Pod Security warns for workloads, denies pods."""
    levels = [f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("warn", "enforce")]
    access.kubectl("label", "--overwrite", "namespace", namespace, *levels)
    eventually("an account for pods", lambda: "default" in access.kubectl(*ACCOUNTS, namespace=namespace))
    found = [one for one in everything(configured(text, namespace)) if not has_an_account(one)]
    accept(access, [*found, code_archive(namespace)], tmp_path)


@pytest.mark.usefixtures("accounts")
@pytest.mark.parametrize("number", [8, pytest.param(100, marks=pytest.mark.soak)])
def test_whatever_is_configured_is_accepted(
    access: Access, namespace: str, tmp_path: Path, number: int
) -> None:
    """The server knows more than its schemas: what belongs together, what comes twice, how long it may be.

    It takes a few seconds each; its schemas alone are tried with many more, in
    tests/unit/test_render_valid.py.
    """

    @settings(max_examples=number, database=None)
    @given(document=FILES)
    def accepted(document: dict[str, Any]) -> None:
        found = everything(configured(yaml.safe_dump(document), namespace))
        accept(access, [one for one in found if not (is_prioritised(one) or has_an_account(one))], tmp_path)

    accepted()


def is_prioritised(found: dict[str, Any]) -> bool:
    """The server requires the PriorityClass of a bare pod; in templates it takes any name."""
    return found["kind"] == "Pod" and "priorityClassName" in found["spec"]


def has_an_account(found: dict[str, Any]) -> bool:
    """It also requires the account, which an isolated location's namespace has before any pod."""
    return found["kind"] == "Pod" and "serviceAccountName" in found["spec"]


def test_a_pod_that_is_not_restricted_is_refused(access: Access, namespace: str, tmp_path: Path) -> None:
    """Without this the test above would prove nothing."""
    (deployment,) = render(configured("", namespace))["daemon"]
    deployment["spec"]["template"]["spec"]["securityContext"] = {}
    access.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/warn=restricted")
    (tmp_path / "all.yaml").write_text(yaml.safe_dump(deployment))
    with pytest.raises(KubectlFailed, match='would violate PodSecurity "restricted:latest"'):
        apply(access, tmp_path / "all.yaml", "--dry-run=server")
