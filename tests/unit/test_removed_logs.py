"""Logs of containers that a node removed, or started again, between the look at their pod and at them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.releases.observing import Pods

GONE = "unable to retrieve container logs for containerd://d4ad5b91"
"""As a kubelet of 1.34 answered, with 200."""


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


def a_pod(**status: Any) -> dict[str, Any]:
    container = {"name": "main", "ready": False, "restartCount": 1, **status}
    return {"metadata": {"name": "x", "uid": "1"}, "status": {"containerStatuses": [container]}}


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
    assert Pods(Kubelet(logs), "stack").collected(a_pod(**status)).logs == {"main": told}
