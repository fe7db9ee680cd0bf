"""Smoke jobs and checks in a pod beside the candidate's."""

from __future__ import annotations

from functools import partial
from uuid import uuid4

from playground_ops.config import Configuration
from playground_ops.errors import Finding, FindingKind, RolloutFailed
from playground_ops.model import Release
from playground_ops.render import smoke as rendering
from playground_ops.targets import smoke
from playground_ops.targets.base import Say
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.pods import shortpods


def run(
    connection: Connection, release: Release, configuration: Configuration, archive: str, say: Say
) -> None:
    """Does nothing where the location names none. Raises RolloutFailed, or PlaygroundError without a pod."""
    seconds = release.location.smoke_timeout_seconds
    for kind, name in smoke.wanted(release.location):
        say(smoke.waiting(release.location, kind, name))
        pod = rendering.render(
            *(release, configuration, archive, f"dagster-smoke-{release.name}-{uuid4().hex[:8]}"),
            *((kind, name), smoke.SCRIPT, seconds),
        )
        made = str(pod["metadata"]["name"])
        ended = shortpods.run(connection, pod, seconds, partial(_no_answer, made), say)
        if ended.too_late:
            raise RolloutFailed(smoke.too_late(release, kind, name))
        if ended.code != 0:
            raise RolloutFailed(smoke.failed(release, kind, name, ended.said))


def _no_answer(pod: str, what: str) -> Finding:
    return Finding(
        kind=FindingKind.TRANSIENT,
        object=f"pod/{pod}",
        observed=f"The smoke run did not end: {what}.",
        cause="The cluster has no room for its pod, or somebody deleted it.",
        fix="Redeploy; `kubectl get pods -l app.kubernetes.io/component=smoke` shows it.",
    )
