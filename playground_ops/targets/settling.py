"""Runs on a server that no longer serves stay reachable: a request to end one goes where its tag says."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from playground_ops.errors import PlaygroundError
from playground_ops.targets.address import Address
from playground_ops.targets.serverwire import NoAnswer, current_runs

LAUNCH_SECONDS = 10.0
"""A server forks a run's process, and knows it, well before this."""
PAUSE_SECONDS = 0.1


def settle(
    home: Path, before: str, own: Address, now: str, launching: Callable[[], Collection[str]] | None
) -> None:
    """Tag the runs of the server at the gRPC address `before` with its `own` address.

    `launching` tells the ids of the runs that are being launched: a request that was under way while the
    address moved ends on either server. They are waited for until one of the two, `now` being where the
    other is, knows them, or they have started; LAUNCH_SECONDS at most.
    """
    end = time.monotonic() + LAUNCH_SECONDS
    awaited: set[str] | None = None
    pointed: set[str] = set()
    while True:
        still = set(launching()) if launching else set()
        awaited = still if awaited is None else awaited & still
        try:
            runs = set(current_runs(before))
        except NoAnswer:
            return  # nothing runs on a server that is gone
        _point(home, runs - pointed, own)
        pointed |= runs
        awaited -= runs
        if awaited:
            awaited -= _on(now)
        if not awaited or time.monotonic() >= end:
            return
        time.sleep(PAUSE_SECONDS)


def _on(server: str) -> set[str]:
    try:
        return set(current_runs(server))
    except NoAnswer:
        return set()


def _point(home: Path, runs: Collection[str], own: Address) -> None:
    if not runs:
        return
    from playground_ops.targets.instance import point_runs_at

    with suppress(PlaygroundError):  # the database does not answer: it is done again when the server retires
        point_runs_at(home, runs, own)
