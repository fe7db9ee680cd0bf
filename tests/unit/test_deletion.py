"""The deletion of pods: each is reported once, and what is waited for is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from playground_ops.core.pod import Pod
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import Selection
from playground_ops.targets.kubernetes.pods import deletion

SECONDS = 5


def pod(name: str, grace: int | None = None, phase: str = "Running") -> Pod:
    ending = {} if grace is None else {"deletionTimestamp": "then", "deletionGracePeriodSeconds": grace}
    return Pod.read({"metadata": {"name": name, "uid": name, **ending}, "status": {"phase": phase}})


class Recorder(Connection):
    def __init__(self) -> None:
        super().__init__("none")
        self.deleted: list[tuple[str, str]] = []

    def request(self, method: str, path: str, *_: object, query: Any = None, **__: object) -> Any:
        if method == "DELETE":
            told = query.get("gracePeriodSeconds") or query["propagationPolicy"]
            self.deleted.append((path.rpartition("/")[2], told))
        return {"items": [{"metadata": {"name": "set"}}]}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def see(*states: list[Pod]) -> None:
        def told(*_: object) -> Iterator[list[Pod]]:
            return iter(states)

        monkeypatch.setattr(deletion, "states", told)

    return see


def test_what_makes_pods_goes_first_and_each_pod_is_told_once(seen: Callable[..., None]) -> None:
    hour = 3600
    seen(
        [pod("a"), pod("b", hour), pod("c", SECONDS)],
        [pod("a", SECONDS), pod("b", hour), pod("c", SECONDS)],  # nothing new about b yet
        [pod("d")],
        [],
    )
    cluster = Recorder()
    deletion.end_pods(cluster, "x", "server", "app=a", SECONDS)
    orphaned = [("server", "Orphan"), ("set", "Orphan")]
    assert cluster.deleted == [*orphaned, *((name, str(SECONDS)) for name in "abd")]


def test_what_is_waited_for_is_said_when_it_is_something_else(seen: Callable[..., None]) -> None:
    said: list[str] = []

    def left(*states: list[Pod]) -> list[str]:
        seen(*states)
        found = deletion.wait_until_gone(
            Recorder(), Selection("x"), 9.0, lambda one: not one.has_ended, said.append
        )
        return [one.name for one in found]

    assert left([pod("b"), pod("a")], [pod("a"), pod("b", 1)], [pod("b")], [pod("b", 1, "Failed")]) == []
    assert said == ["waiting for a, b to end", "waiting for b to end"]
    assert left([pod("b"), pod("a")], [pod("b")]) == ["b"], "at the deadline"
