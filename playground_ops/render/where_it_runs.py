"""What a release's pods tell the code of where it runs: its deployment and its commit.

It follows from the location and the commit alone, so it is no part of a pod's fingerprint: releases from
before it existed are configured alike.
"""

import json

from playground_ops.config import OPS
from playground_ops.config.dagster_plus import dagster_plus_variables
from playground_ops.core.model import Release
from playground_ops.render.names import Object
from playground_ops.render.pod import variable
from playground_ops.render.runs import CONTEXT

DEPLOYMENT = "PLAYGROUND_DEPLOYMENT"


def variables(release: Release) -> list[Object]:
    """Return the variables; none for `ops`, whose runs may have no others than a policy lists."""
    location = release.location
    if location.name == OPS.name:
        return []
    configured = {**location.pod.environment, **location.environment}
    found = {DEPLOYMENT: location.deployment, **dagster_plus_variables(release)}
    return [variable(name, value) for name, value in found.items() if name not in configured]


def left_out(environment: list[Object], release: Release) -> list[Object]:
    """Return a server's environment without them, also in the pod of its runs."""
    names = {one["name"] for one in variables(release)}
    kept = [one for one in environment if one["name"] not in names]
    return [_without(names, one) if one["name"] == CONTEXT else one for one in kept]


def _without(names: set[str], context: Object) -> Object:
    pod = json.loads(context["value"])
    run = pod["k8s"]["run_k8s_config"]["container_config"]
    run["env"] = [one for one in run["env"] if one["name"] not in names]
    return {**context, "value": json.dumps(pod, separators=(",", ":"))}
