"""Runs that were being launched while an address moved are found on whichever server they reached.

The servers here are dictionaries: what `GetCurrentRuns` would have answered, call by call.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import pytest

from playground_ops.targets.common import runs_in_flight
from playground_ops.targets.common.server_protocol import Address, NoAnswer

OWN = Address(socket="/own")
BEFORE, NOW = "before", "now"


class Servers:
    """Gives its answers in turn; the last one is repeated. None is no answer."""

    def __init__(self, before: Sequence[Sequence[str] | None], now: Sequence[Sequence[str] | None]) -> None:
        self.answers = {BEFORE: [*before], NOW: [*now]}
        self.pointed: list[set[str]] = []

    def current_runs(self, server: str, seconds: float = 2.0) -> list[str]:
        answers = self.answers[server]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        if found is None:
            raise NoAnswer(server, ConnectionError("refused"))
        return [*found]

    def point(self, _home: Path, runs: Collection[str], own: Address) -> None:
        assert own == OWN
        if runs:
            self.pointed.append(set(runs))

    def settle(self, launching: Callable[[], Collection[str]] | None) -> list[set[str]]:
        runs_in_flight.settle(Path("/home"), BEFORE, OWN, NOW, launching)
        return self.pointed


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Servers]:
    def make(before: Sequence[Sequence[str] | None], now: Sequence[Sequence[str] | None] = ((),)) -> Servers:
        servers = Servers(before, now)
        monkeypatch.setattr(runs_in_flight, "current_runs", servers.current_runs)
        monkeypatch.setattr(runs_in_flight, "_point", servers.point)
        monkeypatch.setattr(runs_in_flight, "PAUSE_SECONDS", 0)
        return servers

    return make


def looks(*answers: Collection[str]) -> Callable[[], Collection[str]]:
    left = list(answers)
    return lambda: left.pop(0)


def test_what_is_there_is_pointed_at_once_and_nothing_else_waited_for(made: Callable[..., Servers]) -> None:
    assert made([["a"]]).settle(None) == [{"a"}]
    assert made([["a"]]).settle(looks([])) == [{"a"}]
    assert made([None]).settle(looks(["late"])) == []


def test_a_run_that_reaches_the_old_server_late_is_pointed_there(made: Callable[..., Servers]) -> None:
    found = made([["a"], ["a"], ["a", "late"]]).settle(looks(["late"], ["late"], ["late"]))
    assert found == [{"a"}, {"late"}]


def test_one_that_started_between_two_looks_is_pointed_too(made: Callable[..., Servers]) -> None:
    assert made([[], ["late"]]).settle(looks(["late"], [])) == [{"late"}]


def test_one_that_reaches_the_new_server_is_let_be(made: Callable[..., Servers]) -> None:
    assert made([[]], [None, ["late"]]).settle(looks(["late"], ["late"])) == []


def test_one_that_is_launched_later_is_not_waited_for(made: Callable[..., Servers]) -> None:
    assert made([[]]).settle(looks(["early"], ["next"])) == []


def test_one_that_never_arrives_is_waited_for_no_longer_than_said(
    made: Callable[..., Servers], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs_in_flight, "LAUNCH_SECONDS", 0.05)
    assert made([["a"]]).settle(lambda: ["lost"]) == [{"a"}]
