"""A run's progress while Dagster's database is away: the work goes on, and every line comes, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from playground_ops.core.progress import Progress
from playground_ops.defs.jobs import run_log
from playground_ops.defs.jobs.run_log import run_logged


class Log:
    """Stands in for Dagster's log: it raises an exception where the database is away."""

    def __init__(self, away: Callable[[int], bool]) -> None:
        self.lines: list[str] = []
        self.attempts = 0
        self._away = away

    def log(self, level: str, text: str) -> None:
        self.attempts += 1
        if self._away(self.attempts):
            raise RuntimeError("too many retries for DB connection")
        self.lines.append(text)


@pytest.fixture(autouse=True)
def in_no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_log, "PAUSE_SECONDS", 0.001)


def work(progress_of: Callable[[str], Progress]) -> str:
    story = progress_of("a")
    for line in ("one", "two", "three"):
        story.check()
        story.say(line)
    return "done"


@pytest.mark.parametrize("away", [range(0), range(1, 9), range(2, 4), range(3, 20)])
def test_an_outage_stops_nothing_and_loses_nothing(away: range) -> None:
    log: Any = Log(lambda attempt: attempt in away)
    assert run_logged(log, work).result() == "done"
    assert log.lines == ["a · one", "a · two", "a · three"]


def test_a_database_that_stays_away_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_log, "WAIT_SECONDS", 0.05)
    log: Any = Log(lambda attempt: True)
    told = run_logged(log, work)
    assert told.result() == "done"
    assert told.interruption is None
    assert log.lines == []


def test_who_interrupts_the_waiting_is_obeyed() -> None:
    class Interruption(BaseException): ...

    def away(attempt: int) -> bool:
        if attempt > 5:
            raise Interruption
        return True

    log: Any = Log(away)
    told = run_logged(log, work)
    assert told.result() == "done"
    assert isinstance(told.interruption, Interruption)
    told.raise_if_cancelled([])
