"""Many rollouts in a row, with runs in flight and the UI polled all the time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.pipelines import Pipeline
from tests.stacks import Stack

POLLS_PER_SECOND = 5
ROLLOUTS = 20


@contextmanager
def polled(stack: Stack) -> Iterator[list[str | None]]:
    """Poll the UI for location `a` five times a second; per poll None, or what was wrong."""
    seen: list[str | None] = []
    over = threading.Event()

    def poll() -> None:
        due = time.monotonic()
        while not over.is_set():
            try:
                (asset,) = stack.assets("a")
                seen.append(None if asset else "no asset")
            except Exception as error:
                seen.append(f"{type(error).__name__}: {error}")
            due += 1 / POLLS_PER_SECOND
            over.wait(max(0.0, due - time.monotonic()))

    poller = threading.Thread(target=poll)
    poller.start()
    try:
        yield seen
    finally:
        over.set()
        poller.join()


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_twenty_redeploys_with_runs_in_flight_and_twenty_rollbacks(
    stack: Stack, code: Pipeline, record_property: Callable[[str, object], None]
) -> None:
    runs = []
    with polled(stack) as seen:
        for number in range(ROLLOUTS):
            config = {"ops": {"wait": {"config": {"seconds": 5.0 + number % 5}}}}
            runs.append(stack.launch("a", "waiting", config))
            code.commit(f"asset_{number}")
            stack.ok("redeploy", "a")
        for _ in range(ROLLOUTS // 2):
            stack.ok("rollback", "a")
            stack.ok("redeploy", "a", "--ref", "main", "--force")
    ends = [stack.wait_for_run(run) for run in runs]
    wrong = [found for found in seen if found is not None]
    record_property("redeploys", ROLLOUTS)
    record_property("runs in flight that ended well", f"{ends.count('SUCCESS')} of {len(ends)}")
    record_property("polls of the UI", f"{len(seen)}, of them wrong {len(wrong)}")
    assert wrong == []
    assert set(ends) == {"SUCCESS"}
