"""Runs in flight on a server that no longer serves, or that has ended."""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from playground_ops.core.errors import PlaygroundError
from playground_ops.core.model import RolloutRecord
from playground_ops.targets.common.instance import InFlight, fail_runs, point_runs_at
from playground_ops.targets.common.server_protocol import BUSY_SECONDS, Address, NoAnswer, current_runs
from playground_ops.targets.common.webserver import Webserver, WebserverDown

LAUNCH_SECONDS = 10.0
"""Seconds; a server forks a run's process, and reports it, well before this."""
PAUSE_SECONDS = 0.1


def settle(
    home: Path, before: str, own: Address, now: str, launching: Callable[[], Collection[str]] | None
) -> None:
    """Tag the runs of the server at the gRPC address `before` with its `own` address.

    `launching` returns the ids of the runs that are being launched: a request that was under way while the
    address moved ends on either server. They are waited for until one of the two, `now` being the address of
    the other, reports them, or they have started; LAUNCH_SECONDS at most.
    """
    end = time.monotonic() + LAUNCH_SECONDS
    awaited: set[str] | None = None
    pointed: set[str] = set()
    while True:
        still = set(launching()) if launching else set()
        awaited = still if awaited is None else awaited & still
        try:
            runs = set(current_runs(before, BUSY_SECONDS))
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
    with suppress(PlaygroundError):  # the database does not answer: this is repeated when the server retires
        point_runs_at(home, runs, own)


def fail_lost(
    webserver: Webserver,
    location: str,
    servers: Iterable[str],
    home: Path,
    why: Callable[[InFlight], str | None],
) -> Sequence[str]:
    """Mark lost runs failed. Returns a sentence for each. `servers`: gRPC addresses of live servers.

    `why` returns how a run that none of them knows was lost, or None where it may go on.
    """
    try:
        unknown = set(webserver.runs_in_flight(location))
    except WebserverDown:
        return ()
    for address in servers if unknown else ():
        unknown -= _on(address)
    return fail_runs(home, unknown, why) if unknown else ()


def ended(location: str, number: int, records: Sequence[RolloutRecord]) -> str:
    """Explain why a run of a release that no longer serves is over."""
    known = (one.release for one in records if one.release and one.release.number == number)
    release = next(known, None)
    limit = (
        f", and had {release.location.longest_run_seconds} s (longest_run_seconds) to finish"
        if release
        else ""
    )
    return (
        f"The server of release {location}-{number} ended with this run still under way. It no longer served"
        f"{limit}."
    )
