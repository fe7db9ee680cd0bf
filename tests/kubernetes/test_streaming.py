"""Streamed answers end when they should, and say why where nothing more comes."""

from __future__ import annotations

import json
import time

import pytest

from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.api.streaming import lines
from tests.asking import eventually
from tests.cluster.access import Access
from tests.cluster.pods import a_pod, ready

LONG_SECONDS = 120.0


def maps(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps"


def test_a_watch_tells_what_happens_and_ends_in_time(
    connection: Connection, access: Access, namespace: str
) -> None:
    seen = []
    began = time.monotonic()
    for line in lines(connection, maps(namespace), {"watch": "1"}, 6):
        seen.append(json.loads(line)["object"]["metadata"]["name"])
        if seen == ["kube-root-ca.crt"]:
            access.kubectl("create", "configmap", "another", namespace=namespace)
    assert seen == ["kube-root-ca.crt", "another"]
    assert 6 <= time.monotonic() - began < 30


def test_a_log_that_says_nothing_ends_in_time(connection: Connection, access: Access, namespace: str) -> None:
    access.apply(a_pod("silent", "sleep", "3600"), namespace=namespace)
    ready(access, namespace, "silent")
    path = f"/api/v1/namespaces/{namespace}/pods/silent/log"
    began = time.monotonic()
    assert list(lines(connection, path, {"follow": "true"}, 1)) == []
    assert 1 <= time.monotonic() - began < 30


def test_a_last_line_without_its_end_is_given(connection: Connection, access: Access, namespace: str) -> None:
    access.apply(a_pod("ends", "sh", "-c", "echo one; printf two"), namespace=namespace)
    path = f"/api/v1/namespaces/{namespace}/pods/ends/log"
    eventually("it to end", lambda: access.pod(namespace, "ends").phase == "Succeeded")
    assert list(lines(connection, path, {"follow": "true"}, 30)) == [b"one", b"two"]


def test_it_is_refused_in_words(connection: Connection, namespace: str) -> None:
    with pytest.raises(Refusal) as told:
        list(lines(connection, f"/api/v1/namespaces/{namespace}/pods/nosuch/log", {}, 5))
    assert (told.value.code, told.value.message) == (404, 'pods "nosuch" not found')
    assert told.value.finding.object == "pod/nosuch/log"
