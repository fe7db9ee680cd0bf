"""Releases that no longer serve, and that runs are still to start on: queued ones, and retries."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from playground_ops.targets.common.origins import RETRY, release_of

WAITING = ("QUEUED", "NOT_STARTED", "STARTING")
BEGUN = ("STARTED",)
FAILED = "FAILURE"
LIMIT, WILL, MADE = "dagster/max_retries", "dagster/will_retry", "dagster/auto_retry_run_id"
"""Tags of Dagster (dagster._core.storage.tags): how often to try again, that it will be, and as which run."""
RETRIED_WITHIN_SECONDS = 3600.0
"""The daemon makes a retry within seconds; of a failure that is older none comes any more."""


@dataclass(frozen=True)
class Pending:
    """A run that waits, has begun, or failed a short while ago."""

    run_id: str
    status: str
    tags: Mapping[str, str]


def to_start(runs: Iterable[Pending], retries: int, *, on_servers: bool) -> list[str]:
    """Return the ids of runs that are still to start on a release, or that may be tried again on it.

    `retries`: how often a run without a tag of its own is tried again. `on_servers`: whether a run needs its
    release's server to start; in pods only a retry does, which is made by what serves.
    """
    return [run.run_id for run in runs if _waits(run, on_servers) or _may_be_tried_again(run, retries)]


def _waits(run: Pending, on_servers: bool) -> bool:
    return run.status in WAITING and (on_servers or RETRY in run.tags)


def _may_be_tried_again(run: Pending, retries: int) -> bool:
    if run.status == FAILED:
        return run.tags.get(WILL) == "true" and MADE not in run.tags
    tries, limit = (_number(run.tags.get(tag)) for tag in (RETRY, LIMIT))
    return (tries or 0) < (retries if limit is None else limit)


def _number(text: str | None) -> int | None:
    try:
        return int(text or "")
    except ValueError:
        return None


def releases_of(
    home: Path, runs: Collection[Pending], location: str, *, retries: int | None, on_servers: bool
) -> set[int]:
    """Return the numbers of the location's releases on which such runs are to start. Raises PlaygroundError.

    `retries`: None for what the instance at `home` says.
    """
    if not to_start(runs, 1 if retries is None else retries, on_servers=on_servers):
        return set()  # nothing to open the instance for
    from dagster import RunsFilter

    from playground_ops.targets.common.instance import opened

    with opened(home) as instance:
        limit = instance.run_retries_max_retries if retries is None else retries
        wanted = to_start(runs, limit, on_servers=on_servers)
        made = instance.get_runs(RunsFilter(run_ids=wanted)) if wanted else []
        found = {release_of(run, instance.get_run_by_id) for run in made}
    return {one[1] for one in found if one and one[0] == location}
