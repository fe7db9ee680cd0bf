"""Which release a run belongs to: the one whose definitions it was made from.

A release's server tells Dagster its number with all that it defines (its container context), and every run
keeps that from the moment in which it is made, whoever makes it. On Kubernetes a run's pod is found in the
same way (`render/runs.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playground_ops.core.model import Release

if TYPE_CHECKING:
    from dagster import DagsterRun

CONTEXT = "DAGSTER_CONTAINER_CONTEXT"
"""The variable from which `dagster api grpc` reads it (its option --container-context)."""
OURS = "playground"
RETRY = "dagster/retry_number"
"""The tag of a retry that Dagster's daemon made. A person's re-execution has none."""


def context_of(release: Release) -> str:
    return json.dumps({OURS: {"location": release.location.name, "release": release.number}})


def release_of(run: DagsterRun, parent: Callable[[str], DagsterRun | None]) -> tuple[str, int] | None:
    """Return location and number of the release that the run belongs to; None where nothing tells.

    A retry belongs to the release of the run that failed. `parent` returns a run by its id.
    """
    before = parent(run.parent_run_id) if RETRY in run.tags and run.parent_run_id else None
    if before is not None:
        return release_of(before, parent)
    origin = run.job_code_origin
    told: Any = (origin.repository_origin.container_context if origin else None) or {}
    found = told.get(OURS) or {}
    try:
        return str(found["location"]), int(found["release"])
    except (KeyError, TypeError, ValueError):
        return None


def awaited(home: Path, run_ids: Collection[str], location: str) -> set[int]:
    """Return the numbers of the location's releases that the runs belong to. Raises PlaygroundError."""
    from dagster import RunsFilter

    from playground_ops.targets.common.instance import opened

    with opened(home) as instance:
        runs = instance.get_runs(RunsFilter(run_ids=[*run_ids]))
        found = {release_of(run, instance.get_run_by_id) for run in runs}
    return {one[1] for one in found if one and one[0] == location}
