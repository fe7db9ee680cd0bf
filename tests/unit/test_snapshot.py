"""A snapshot of a cluster: nothing is asked twice, and it selects as a server would."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground_ops.core.errors import Finding, FindingKind, PlaygroundError
from playground_ops.targets.kubernetes.api.connection import Connection, Question
from playground_ops.targets.kubernetes.api.snapshot import Snapshot

FOLDER = "/api/v1/namespaces/x/pods"


class Server(Connection):
    """Stands in for an API server of pods with labels, with selectors for equality and existence."""

    def __init__(self, pods: Mapping[str, Mapping[str, str]]) -> None:
        super().__init__("none")
        self.pods = pods
        self.asked: list[str] = []
        self.fails = False

    def answer(self, asked: Question) -> bytes:
        self.asked.append(f"{asked.method} {asked.path}")
        if self.fails:
            finding = Finding(
                kind=FindingKind.TRANSIENT, object="x", observed="x", cause="x", fix="x", whose="surroundings"
            )
            raise PlaygroundError(finding)
        wanted = [term for term in (asked.query or {}).get("labelSelector", "").split(",") if term]
        found = [
            {"metadata": {"name": name, "labels": dict(labels)}}
            for name, labels in self.pods.items()
            if all(_chosen(labels, term) for term in wanted)
        ]
        return json.dumps({"items": found, "metadata": {"resourceVersion": str(len(self.asked))}}).encode()


def _chosen(labels: Mapping[str, str], term: str) -> bool:
    name, equals, value = term.partition("=")
    return name in labels and (not equals or labels[name] == value)


WORDS = st.sampled_from(["a", "b", "c"])


@given(
    pods=st.dictionaries(WORDS, st.dictionaries(WORDS, WORDS)),
    within=WORDS,
    more=st.dictionaries(WORDS, st.one_of(st.none(), WORDS)),
)
def test_it_picks_what_the_server_would(
    pods: dict[str, dict[str, str]], within: str, more: dict[str, str | None]
) -> None:
    server = Server(pods)
    picked = Snapshot(server).selected(FOLDER, within, more)["items"]
    assert picked == server.selected(FOLDER, within, more)["items"]


def test_many_who_ask_for_the_same_at_once_ask_once() -> None:
    server = Server({"one": {"a": "a"}})
    seen, together = Snapshot(server), Barrier(4)

    def ask(number: int) -> Any:
        together.wait(10)
        return seen.selected(FOLDER, "a", {"a": str(number)})["metadata"]["resourceVersion"]

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(ask, range(4))) == {"1"}
    assert seen.get(FOLDER, other="1")["metadata"]["resourceVersion"] == "2"


def test_what_is_written_to_is_read_anew_and_only_that() -> None:
    server = Server({})
    seen = Snapshot(server)
    for path in (FOLDER, f"{FOLDER}/one", f"{FOLDER}/one"):
        seen.get(path)
    seen.request("PATCH", f"{FOLDER}/one", {}, query={"dryRun": "All"})
    for path in (FOLDER, f"{FOLDER}/one"):
        seen.get(path)
    assert server.asked == [
        f"GET {FOLDER}",
        f"GET {FOLDER}/one",
        f"PATCH {FOLDER}/one",
        f"GET {FOLDER}/one",
    ]


def test_nobody_waits_for_one_whose_question_failed() -> None:
    server = Server({})
    seen = Snapshot(server)
    server.fails = True
    for _ in range(2):
        with pytest.raises(PlaygroundError):
            seen.get(FOLDER)
    assert len(server.asked) == 1
