"""Logs of containers that a node removed, or restarted, between the reads of their pod and of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import pytest

from playground_ops.core.pod import Pod
from playground_ops.diagnose.pods import Collected, log_may_follow
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.pods.selection import collected

GONE = "unable to retrieve container logs for containerd://d4ad5b91"
"""The answer of a kubelet of 1.34, with status 200."""


class Kubelet(Connection):
    """Stands in for an API server: a log for each value of `previous`, or refused; and no events."""

    def __init__(self, logs: Mapping[str, str | None]) -> None:
        super().__init__(None)
        self._logs = logs

    def text(self, path: str, query: Mapping[str, str]) -> str:
        log = self._logs[query["previous"]]
        if log is None:
            raise Refusal(path, 400, "BadRequest", "previous terminated container main not found")
        return log

    def request(self, *_: object, **__: object) -> Any:
        return {"items": []}


def a_pod(**status: Any) -> Pod:
    container = {"name": "main", "ready": False, "restartCount": 1, **status}
    return Pod.read({"metadata": {"name": "x", "uid": "1"}, "status": {"containerStatuses": [container]}})


ENDED = {"terminated": {"exitCode": 1}}


@pytest.mark.parametrize(
    ("status", "logs", "told"),
    [
        ({"state": ENDED}, {"false": "KeyError: price", "true": "older"}, "KeyError: price"),
        ({"state": ENDED}, {"false": GONE, "true": "KeyError: price"}, "KeyError: price"),
        ({"state": {"waiting": {}}, "lastState": ENDED}, {"false": "newer", "true": GONE}, "newer"),
        ({"state": ENDED}, {"false": "", "true": "KeyError: price"}, "KeyError: price"),
        ({"state": ENDED}, {"false": "", "true": None}, ""),
        ({"state": {"waiting": {}}, "lastState": ENDED}, {"false": "newer", "true": None}, "newer"),
        ({"state": ENDED}, {"false": GONE, "true": GONE}, ""),
    ],
)
def test_the_start_beside_it_tells_instead(status: Any, logs: Mapping[str, str | None], told: str) -> None:
    assert collected(Kubelet(logs), a_pod(**status)).logs == {"main": told}


NOW = datetime(2030, 1, 1, 12, 0, 2, tzinfo=timezone.utc)


def ended(at: str = "2030-01-01T12:00:00Z", reason: str = "Error") -> dict[str, Any]:
    return {"terminated": {"exitCode": 1, "reason": reason, "finishedAt": at}}


@pytest.mark.parametrize(
    ("status", "log", "expected"),
    [
        ({"state": ended()}, "", True),
        ({"state": {"running": {}}, "lastState": ended()}, "", True),
        ({"state": ended()}, "KeyError: price", False),
        ({"state": ended("2030-01-01T11:59:58Z")}, "", False),
        ({"state": ended(reason="OOMKilled")}, "", False),
        ({"state": {"running": {}}}, None, False),
    ],
)
def test_one_that_ended_a_moment_ago_without_a_word_log_may_follow(
    status: Any, log: str | None, expected: bool
) -> None:
    known = Collected(a_pod(**status), logs={} if log is None else {"main": log})
    assert log_may_follow(known, NOW) == expected
