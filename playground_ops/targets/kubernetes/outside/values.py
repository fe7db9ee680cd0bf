"""Moves values from before each location had a folder of its own: by a pod, before and after the rollouts.

Before them, so that the new releases find what was there; after them, for what was written meanwhile. The old
names go when no release uses them any more, by the deploy that finds it so.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from playground_ops.config import Configuration
from playground_ops.core.errors import Finding, PlaygroundError, transient
from playground_ops.core.messages import KEY, of_kind
from playground_ops.core.redact import redact
from playground_ops.core.target import Say
from playground_ops.render import moving_pod
from playground_ops.render.moving_pod import Moving
from playground_ops.render.names import Object
from playground_ops.render.namespaces import Place, place
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.inside.moving import VALUES
from playground_ops.targets.kubernetes.objects import value_mark
from playground_ops.targets.kubernetes.pods import one_shot
from playground_ops.targets.kubernetes.releases import archive

SECONDS = 3600


def move(
    connection: Connection, configuration: Configuration, project: Path, namespaces: Sequence[str], say: Say
) -> None:
    """Move them in each of these namespaces. May be repeated. Raises PlaygroundError; nothing is lost."""
    for where in _places(configuration, namespaces):
        say(f"moving values of earlier releases into a folder of each location, in {where.namespace}")
        code = archive.ensure(connection, project, where.namespace, where.tags)
        finish = not value_mark.any_from_before(connection, where.namespace)
        only = next((one for one in configuration.isolated if where == place(configuration, one.name)), None)
        moving = Moving(f"dagster-moving-{uuid4().hex[:8]}", code, only, finish=finish)
        _run(connection, moving_pod.render(configuration, where, moving), say)
        value_mark.note(connection, where.namespace, value_mark.OF_EACH if finish else value_mark.BOTH)
        if not finish:
            say("releases from before that are still there, and runs on them, go on with the old names")


def _places(configuration: Configuration, namespaces: Sequence[str]) -> list[Place]:
    every = {
        one.namespace: one
        for one in (place(configuration, each.name) for each in configuration.all_locations)
    }
    return [every[name] for name in namespaces if name in every]


def _run(connection: Connection, pod: Object, say: Say) -> None:
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    one_shot.create(connection, pod)
    ended = one_shot.see_to_its_end(connection, pod, SECONDS, partial(_no_answer, name, namespace), say)
    if ended.code != 0:
        findings = [Finding.model_validate(_plain(one)) for one in of_kind("finding", ended.said)]
        raise PlaygroundError(*(findings or [_failed(name, ended.said)]))
    for told in of_kind(VALUES, ended.said):
        say(f"{told['files']} values have a name in the folder of their location")
        if told["unknown"]:
            some = ", ".join(told["left"])
            say(f"{told['unknown']} files are of no run or asset that Dagster knows, and stay: {some}")


def _plain(told: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in told.items() if key != KEY}


def _failed(pod: str, said: str) -> Finding:
    return transient(
        object=f"pod/{pod}",
        observed="Values of earlier releases could not be moved into a folder of each location.",
        cause="Its last words are below. Nothing was removed: earlier releases go on with them.",
        fix="Mend that, and run `deploy` again.",
        evidence=redact(said),
    )


def _no_answer(pod: str, namespace: str, what: str) -> Finding:
    return transient(
        object=f"pod/{pod}",
        observed=f"Values of earlier releases were not moved: {what}.",
        cause="The cluster has no room for its pod, or somebody deleted it.",
        fix=f"Run `deploy` again; `kubectl -n {namespace} get pods -l "
        f"app.kubernetes.io/component={moving_pod.COMPONENT}` shows it.",
    )
