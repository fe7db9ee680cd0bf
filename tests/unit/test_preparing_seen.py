"""While a server's commands prepare it, the rollout says so, and does not count it as its start."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest

from playground_ops.core.messages import PREPARING, message
from playground_ops.core.model import Location, Release, Revision
from playground_ops.targets.kubernetes.api.connection import Connection, Question
from playground_ops.targets.kubernetes.releases.observing import Pods

POD = {
    "metadata": {"name": "x-1", "namespace": "n", "uid": "u", "labels": {}},
    "spec": {"containers": [{"name": "dagster-grpc"}]},
    "status": {
        "phase": "Running",
        "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False"}],
        "containerStatuses": [
            {
                "name": "dagster-grpc",
                "containerID": "c",
                "state": {"running": {"startedAt": "2030-01-01T00:00:00Z"}},
            }
        ],
    },
}


class Cluster(Connection):
    """Answers for an API server with this one pod, so many seconds after its start."""

    def __init__(self, log: str, seconds: int) -> None:
        super().__init__("x")
        self.log, self.seconds, self.read = log, seconds, 0

    def now(self) -> datetime:
        return datetime(2030, 1, 1, 0, 0, self.seconds, tzinfo=timezone.utc)

    def answer(self, asked: Question) -> bytes:
        assert asked.method == "GET"
        if asked.path.endswith("/log"):
            self.read += 1
            return self.log.encode()
        items = [POD] if asked.path.endswith("/pods") else []
        return json.dumps({"metadata": {"resourceVersion": "1"}, "items": items}).encode()


def release(**settings: object) -> Release:
    location = Location(name="x", repository="/x").model_copy(update=settings)
    revision = Revision(repository=location.repository, commit="ab" * 20)
    return Release(location=location, number=1, revision=revision, configuration="", created_at="")


BEGUN = message(PREPARING, line="Preparing it by `dbt deps`.")
DONE = f"{BEGUN}\n{message(PREPARING, line='')}"


@pytest.mark.parametrize(
    ("log", "seconds", "told"),
    [
        (BEGUN, 10, "its preparation: Preparing it by `dbt deps`."),
        (f"{BEGUN}\n{message(PREPARING, line='12 of 40')}", 10, "its preparation: 12 of 40"),
        (f"{DONE}\nStarting Dagster code server", 10, None),
        ("Starting Dagster code server", 10, None),
        (BEGUN, 1, None),
    ],
)
def test_what_is_being_prepared_is_seen_in_the_server_s_log(log: str, seconds: int, told: str | None) -> None:
    seen = Pods(Cluster(log, seconds), "n").observe(release())
    assert (seen.prepares, seen.message) == (
        bool(told),
        told or "the pod waits for its first successful probe",
    )


@pytest.mark.parametrize("settings", [{"prepare": ()}, {"repository": None}])
def test_where_nothing_is_prepared_no_log_is_read(settings: dict[str, object]) -> None:
    cluster = Cluster(BEGUN, 10)
    assert not Pods(cluster, "n").observe(release(**settings)).prepares
    assert cluster.read == 0
