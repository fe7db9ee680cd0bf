"""Pods that resolve a ref, created while the command that needs them is on its way into the cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from playground_ops.config import read
from playground_ops.core.model import Location
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.outside.ahead import resolving
from playground_ops.targets.kubernetes.releases import one_shot
from tests.unit.test_shortpods import NOW, Namespace

COMMIT = "1" * 40
TEXT = """
code_locations:
  - {name: a, repo: {url: "https://git.test/a.git", ref: main, secret: git}}
  - {name: b, repo: {url: "https://git.test/b.git", ref: next}}
  - {name: c, image: "registry.test/c:1", module: c}
  - {name: own}
"""
CONFIGURATION = read(TEXT, Path("x.yaml"))
A = next(one for one in CONFIGURATION.locations if one.name == "a")


class Cluster(Namespace):
    """Pods end as soon as they are created, and say where `main` leads."""

    def __init__(self, refuses: bool = False) -> None:
        super().__init__()
        self.refuses, self.created = refuses, list[str]()

    def text(self, path: str, query: Any) -> str:
        return f"{COMMIT}\trefs/heads/main\n{COMMIT}\trefs/heads/next\n"

    def request(self, method: str, where: str, body: Any = None, *_: object, query: Any = None) -> Any:
        if method == "POST":
            if self.refuses:
                raise Refusal("pod/x", 403, "Forbidden", "no pods for you")
            self.created.append(body["metadata"]["name"])
            ended = {"name": "main", "state": {"terminated": {"exitCode": 0}}}
            made = {"creationTimestamp": NOW.isoformat(), "resourceVersion": "1"}
            status = {"phase": "Succeeded", "containerStatuses": [ended]}
            body = {**body, "metadata": {**body["metadata"], **made}, "status": status}
        if method == "DELETE" and where not in self.pods:
            raise Refusal("pod/x", 404, "NotFound", "no such pod")
        return super().request(method, where, body, query=query)


def taken(
    monkeypatch: pytest.MonkeyPatch, cluster: Cluster, given: list[str], location: Location = A
) -> None:
    """Resolve as the command in the pod of `ops` does that was started with these variables."""
    for one in given:
        monkeypatch.setenv(*one.split("=", 1))
    assert one_shot.resolve(cluster, CONFIGURATION, location, None).commit == COMMIT


def test_the_command_takes_the_pod_that_was_created_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster()
    with resolving(cluster, CONFIGURATION, ["redeploy", "a", "--force"]) as given:
        assert len(cluster.created) == 1
        taken(monkeypatch, cluster, given)
        assert (len(cluster.created), cluster.pods) == (1, {}), "no other one, and it is gone"
        taken(monkeypatch, cluster, given)
        assert len(cluster.created) == 2, "a second try has one of its own"
    assert cluster.pods == {}


def test_each_location_has_its_own_and_what_nobody_took_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster()
    with resolving(cluster, CONFIGURATION, ["redeploy", "b", "--ref", "main", "a", "a"]) as given:
        assert len(cluster.created) == 2
        taken(monkeypatch, cluster, given)
        assert len(cluster.created) == 2
    assert cluster.pods == {}


@pytest.mark.parametrize(
    "what", [{"ref": "next"}, {"repository": "https://git.test/moved.git"}, {"git_secret": "another"}]
)
def test_a_pod_with_another_question_or_other_credentials_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, what: dict[str, str]
) -> None:
    """The configuration in force may be another one than that of whoever asks."""
    cluster = Cluster()
    with resolving(cluster, CONFIGURATION, ["redeploy", "a"]) as given:
        taken(monkeypatch, cluster, given, A.model_copy(update=what))
        assert len(cluster.created) == 2
    assert cluster.pods == {}


def test_one_that_had_to_wait_is_not_taken_as_the_ref_may_move(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = Cluster()
    with resolving(cluster, CONFIGURATION, ["redeploy", "a"]) as given:
        (pod,) = cluster.pods.values()
        pod["metadata"]["creationTimestamp"] = "2030-01-01T11:59:49Z"
        taken(monkeypatch, cluster, given)
        assert len(cluster.created) == 2
    assert cluster.pods == {}


@pytest.mark.parametrize(
    "command",
    [
        ["redeploy", "a", "--ref", COMMIT],
        ["redeploy", "a", "--ref", "no ref"],
        ["redeploy", "c"],
        ["redeploy", "own"],
        ["redeploy", "unknown"],
        ["redeploy"],
        ["rollback", "a"],
        ["promote", "a", "b"],
        [],
    ],
)
def test_what_needs_no_such_pod_starts_none(command: list[str]) -> None:
    cluster = Cluster()
    with resolving(cluster, CONFIGURATION, command) as given:
        assert given == cluster.created == []


def test_whoever_may_create_no_pods_leaves_it_to_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    with resolving(Cluster(refuses=True), CONFIGURATION, ["redeploy", "a"]) as given:
        assert given == []
