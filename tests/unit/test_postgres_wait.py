"""How long a deploy waits for the stack's Postgres, and what ends that early."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from playground_ops.config import read
from playground_ops.core.errors import PlaygroundError
from playground_ops.core.pod import Pod
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.outside import postgres
from tests.stacks import ROOT

NOW = datetime(2030, 1, 1, 12, tzinfo=timezone.utc)
NO_CLAIM = '0/1 nodes are available: persistentvolumeclaim "data-dagster-postgres-0" not found. not found.'


class Clock(Connection):
    """Stands in for a connection of which only the cluster's clock is asked."""

    def now(self) -> datetime:
        return NOW


def pod(since: float | None) -> Pod:
    """Return the pod of Postgres: without a node for that many seconds, or ready."""
    scheduled: dict[str, Any] = {"type": "PodScheduled", "status": "True"}
    if since is not None:
        at = (NOW - timedelta(seconds=since)).isoformat()
        scheduled |= {"status": "False", "reason": "Unschedulable", "message": NO_CLAIM}
        scheduled["lastTransitionTime"] = at
    ready = {"type": "Ready", "status": "False" if since is not None else "True"}
    about = {"name": "dagster-postgres-0", "namespace": "dagster", "creationTimestamp": NOW.isoformat()}
    phase = "Pending" if since is not None else "Running"
    return Pod.read({"metadata": about, "status": {"phase": phase, "conditions": [scheduled, ready]}})


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The intervals at which the pod was listed again, as asked after each state."""
    asked: list[float] = []
    monkeypatch.setattr(postgres, "_is_as_applied", lambda *_: True)
    monkeypatch.setattr(postgres, "find", lambda *_: "its place")
    return asked


def run(monkeypatch: pytest.MonkeyPatch, waited: list[float], *seen: Pod) -> Any:
    def states(connection: object, chosen: object, seconds: float, good_for: Any) -> Iterator[list[Pod]]:
        for one in seen:
            yield [one]
            waited.append(good_for())

    monkeypatch.setattr(postgres, "states", states)
    return postgres.running(Clock("none"), read("", ROOT / "configvalues.yaml"), lambda line: None)


def test_its_pod_may_be_seen_before_its_claim(monkeypatch: pytest.MonkeyPatch, waited: list[float]) -> None:
    assert run(monkeypatch, waited, pod(0.2), pod(6.0), pod(None)) == "its place"
    assert waited == [postgres.DOUBT_SECONDS, postgres.DOUBT_SECONDS]


def test_a_claim_that_stays_away_ends_it(monkeypatch: pytest.MonkeyPatch, waited: list[float]) -> None:
    with pytest.raises(PlaygroundError, match="Its volume is not there"):
        run(monkeypatch, waited, pod(1.0), pod(8.0), pod(None))
