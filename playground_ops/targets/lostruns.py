"""Runs in flight whose server has ended under them: nobody else would ever say how they ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from playground_ops.model import RolloutRecord
from playground_ops.targets.instance import InFlight, fail_runs
from playground_ops.targets.serverwire import NoAnswer, current_runs
from playground_ops.targets.webserver import Webserver, WebserverDown


def fail(
    webserver: Webserver,
    location: str,
    servers: Iterable[str],
    home: Path,
    why: Callable[[InFlight], str | None],
) -> Sequence[str]:
    """Mark them failed; a sentence for each. `servers`: gRPC addresses of those that live.

    `why` says how a run was lost that none of them knows, or None where it may go on.
    """
    try:
        unknown = set(webserver.runs_in_flight(location))
    except WebserverDown:
        return ()
    for address in servers if unknown else ():
        try:
            unknown -= set(current_runs(address))
        except NoAnswer:
            continue
    if not unknown:
        return ()
    return fail_runs(home, unknown, why)


def ended(location: str, number: int, records: Sequence[RolloutRecord]) -> str:
    """Why a run of a release that no longer serves is over."""
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
