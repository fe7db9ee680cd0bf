"""Pods of runs: what the releases there are give them, and a change of what launches them."""

from __future__ import annotations

import json
from typing import Any

import yaml

from playground_ops.config import Configuration
from playground_ops.errors import Finding, FindingKind, PlaygroundError
from playground_ops.render import instance
from playground_ops.render.names import INSTANCE, an_object
from playground_ops.render.runs import CONTEXT
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import collection, path
from playground_ops.targets.kubernetes.releases.deployments import OF_LOCATIONS

LAUNCHER = "run_launcher"


def contexts(connection: Connection, configuration: Configuration) -> tuple[str, ...]:
    """Of the releases there are; none from inside, where no policy is written. Raises Refusal."""
    if connection.context is None or not configuration.runs_in_pods:
        return ()
    folder = collection("apps/v1", "Deployment", configuration.kubernetes.namespace)
    found = connection.request("GET", folder, query={"labelSelector": OF_LOCATIONS})["items"]
    told = (_variable(one, CONTEXT) for one in found)
    return tuple(sorted({text for text in told if text and _is_whole(text)}))


def _variable(deployment: dict[str, Any], name: str) -> str | None:
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    return next((one.get("value") for one in container.get("env", ()) if one["name"] == name), None)


def _is_whole(text: str) -> bool:
    """Not one that somebody edited beyond recognition."""
    try:
        return bool(json.loads(text)["k8s"]["run_k8s_config"]["pod_template_spec_metadata"]["labels"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def launcher_may_change(connection: Connection, configuration: Configuration) -> None:
    """Where it is to be another one, nothing may run: the next one knows nothing of the runs of this one.

    Raises PlaygroundError.
    """
    where = path(an_object("v1", "ConfigMap", INSTANCE, configuration.kubernetes.namespace, {}))
    found = connection.get(where)
    if found is None:
        return
    now = (yaml.safe_load(found.get("data", {}).get("dagster.yaml", "")) or {}).get(LAUNCHER)
    if bool(now) is bool(instance.settings(configuration).get(LAUNCHER)):
        return
    if connection.context is None:
        raise PlaygroundError(_not_from_inside())
    if configuration.postgres.external is None:
        # Imported here alone: it is not in the archive.
        from playground_ops.targets.kubernetes.outside import postgres

        place = postgres.find(connection, configuration, "")
        if runs := postgres.active_runs(connection, place):
            raise PlaygroundError(_under_way(", ".join(map(str, runs[:10])), len(runs)))


def _not_from_inside() -> Finding:
    return Finding(
        kind=FindingKind.CERTAIN,
        object=f"configuration/{LAUNCHER}",
        observed="Runs are to be launched by another launcher than until now.",
        cause="Webserver and daemon get accounts or lose them with it, which `ops` has no right to change.",
        fix="Run `python -m playground_ops deploy` from a clone.",
    )


def _under_way(named: str, count: int) -> Finding:
    return Finding(
        kind=FindingKind.TRANSIENT,
        object=f"configuration/{LAUNCHER}",
        observed=f"Runs are to be launched by another launcher, and {count} are under way: {named}.",
        cause="It would take them for lost, and could not terminate them.",
        fix="Wait for them, or terminate them in the UI; then deploy again. Queued runs are no matter.",
    )
