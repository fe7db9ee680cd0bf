"""Releases that no longer serve, and that runs are still to start on: queued ones, and retries."""

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from playground_ops.targets.common.origins import RETRY, release_of

WAITING = ("QUEUED", "NOT_STARTED", "STARTING")
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
    started: float | None = None
    """When it began, in seconds since 1970."""


@dataclass(frozen=True)
class Rules:
    """What decides whether a run is waited for."""

    on_servers: bool
    """Whether a run needs its release's server to start; in pods only a retry does: what serves makes it."""
    longest_run_seconds: int
    """A run that takes longer holds its release no more: that drains as others do."""
    retries: int | None = None
    """How often a run without a tag of its own is tried again; None for what the instance says."""


def to_start(runs: Iterable[Pending], rules: Rules, now: float) -> list[str]:
    """Return the ids of runs that are still to start on a release, or that may be tried again on it."""
    return [run.run_id for run in runs if _waits(run, rules) or _may_be_tried_again(run, rules, now)]


def _waits(run: Pending, rules: Rules) -> bool:
    return run.status in WAITING and (rules.on_servers or RETRY in run.tags)


def _may_be_tried_again(run: Pending, rules: Rules, now: float) -> bool:
    if run.status == FAILED:
        return run.tags.get(WILL) == "true" and MADE not in run.tags
    if run.started is not None and now - run.started > rules.longest_run_seconds:
        return False
    tries, limit = (_number(run.tags.get(tag)) for tag in (RETRY, LIMIT))
    return (tries or 0) < (limit if limit is not None else rules.retries or 0)


def _number(text: str | None) -> int | None:
    try:
        return int(text or "")
    except ValueError:
        return None


def releases_of(home: Path, runs: Collection[Pending], location: str, rules: Rules) -> set[int]:
    """Return the numbers of the location's releases that such runs hold. Raises PlaygroundError."""
    now = time.time()
    if not to_start(runs, replace(rules, retries=1 if rules.retries is None else rules.retries), now):
        return set()  # nothing to open the instance for
    from dagster import RunsFilter

    from playground_ops.targets.common.instance import opened

    with opened(home) as instance:
        if rules.retries is None:
            rules = replace(rules, retries=instance.run_retries_max_retries)
        wanted = to_start(runs, rules, now)
        made = instance.get_runs(RunsFilter(run_ids=wanted)) if wanted else []
        found = {release_of(run, instance.get_run_by_id) for run in made}
    return {one[1] for one in found if one and one[0] == location}
