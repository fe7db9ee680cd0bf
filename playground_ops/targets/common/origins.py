"""Which release a run belongs to: the one whose definitions it was made from.

A release's server tells Dagster its number with all that it defines (its container context), and every run
keeps that from the moment in which it is made, whoever makes it. On Kubernetes that is the pod of the
release's runs (`render/runs.py`), whose labels name it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from playground_ops.render.names import LOCATION, RUN_OF

if TYPE_CHECKING:
    from dagster import DagsterRun

    from playground_ops.core.model import Release

OURS = "playground"
"""The key of what a release on one machine tells."""
RETRY = "dagster/retry_number"
"""The tag of a retry that Dagster's daemon made. A person's re-execution has none."""


def context_of(release: Release) -> str:
    """Return the context of a release on one machine."""
    return json.dumps({OURS: {"location": release.location.name, "release": release.number}})


def release_of(run: DagsterRun, parent: Callable[[str], DagsterRun | None]) -> tuple[str, int] | None:
    """Return location and number of the release that the run belongs to; None where nothing tells.

    A retry belongs to the release of the run that failed. `parent` returns a run by its id. A server tells
    what it likes: what names another location than the one that it was asked as counts for nothing.
    """
    origin = first_try(run, parent).job_code_origin
    found = _told((origin.repository_origin.container_context if origin else None) or {})
    return found if found and found[0] == location_of(run) else None


def first_try(run: DagsterRun, parent: Callable[[str], DagsterRun | None]) -> DagsterRun:
    """Return the run of this location that this one is a retry of, the first of them; else the run itself."""
    before = parent(run.parent_run_id) if RETRY in run.tags and run.parent_run_id else None
    if before is None or location_of(before) != location_of(run):
        return run
    return first_try(before, parent)


def location_of(run: DagsterRun) -> str | None:
    """Return the location whose address the run was made at, as the workspace has it."""
    origin = run.remote_job_origin
    return origin.repository_origin.code_location_origin.location_name if origin else None


def _told(context: Mapping[str, Any]) -> tuple[str, int] | None:
    try:
        if OURS in context:
            return str(context[OURS]["location"]), int(context[OURS]["release"])
        labels = context["k8s"]["run_k8s_config"]["pod_template_spec_metadata"]["labels"]
        return str(labels[LOCATION]), int(labels[RUN_OF])
    except (KeyError, TypeError, ValueError):
        return None
