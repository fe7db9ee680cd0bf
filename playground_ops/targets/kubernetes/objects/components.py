"""The status of a stack's components, derived from their workloads, pods and metrics.

Source: the resource metrics API (kubernetes.io, "Resource metrics pipeline"), `metrics.k8s.io/v1beta1`.
"""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, cast

from playground_ops.checks.components import SCALED_TO_NOTHING
from playground_ops.config import Configuration
from playground_ops.core.component import ComponentStatus, End, Usage, component_of
from playground_ops.core.errors import PlaygroundError
from playground_ops.core.model import MAIN
from playground_ops.core.pod import Pod, newest
from playground_ops.core.pod_settings import amount
from playground_ops.diagnose.pods import (
    Collect,
    Collected,
    PodState,
    assess,
    creation_refusal,
    replaced_pod_end,
)
from playground_ops.diagnose.server_log import explain_end
from playground_ops.render.names import MANAGER, POSTGRES, RELEASE
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import collection, path_of

METRICS = "metrics.k8s.io/v1beta1"
OURS = f"app.kubernetes.io/managed-by={MANAGER}"

Used = Mapping[str, Mapping[str, Mapping[str, str]]]
"""Used quantities by pod, container and resource."""


def used(connection: Connection, namespace: str) -> Used:
    """Return what pods use; empty without a metrics server or the right to ask: no fault of the stack."""
    try:
        found = connection.request("GET", collection(METRICS, "Pod", namespace))
    except PlaygroundError:
        return {}
    return {
        pod["metadata"]["name"]: {one["name"]: one["usage"] for one in pod["containers"]}
        for pod in found["items"]
    }


def usage_of(pod: Pod, used: Used) -> Usage | None:
    """Return the usage of the container that is nearest to its memory limit."""
    known = used.get(pod.name, {})
    each = [_usage(one.name, known[one.name], one.limits) for one in pod.main if one.name in known]
    return max(each, key=lambda one: (one.filled, one.memory_bytes), default=None)


def _usage(name: str, used: Mapping[str, str], limits: Mapping[str, str]) -> Usage:
    memory, processor = limits.get("memory"), limits.get("cpu")
    return Usage(
        container=name,
        memory_bytes=int(amount(used["memory"])),
        memory_limit_bytes=int(amount(memory)) if memory else None,
        millicores=round(amount(used["cpu"]) * 1000),
        limit_millicores=round(amount(processor) * 1000) if processor else None,
    )


Kind = Literal["webserver", "daemon", "postgres"]
_ORDER = ("postgres", "webserver", "webserver-read-only", "daemon")
"""What stands in a stack beside its locations, in the order in which it is reported."""
_NAME = re.compile(r"(webserver-read-only|webserver|daemon)(?:-(.+))?")


class Standing(NamedTuple):
    """A component that is no location. No deployment's name begins with `read-only` (`config.rules`)."""

    what: str
    deployment: str

    @property
    def kind(self) -> Kind:
        return "webserver" if self.what.startswith("webserver") else cast(Kind, self.what)


def standing(name: str) -> Standing | None:
    """Return what a component is by its name; None for a location, or what has no process."""
    if name == "postgres":
        return Standing(name, MAIN)
    found = _NAME.fullmatch(name)
    return Standing(found[1], found[2] or MAIN) if found else None


def kind_of(name: str) -> Kind | Literal["stack"]:
    """Return the kind of a component that is no location."""
    found = standing(name)
    return found.kind if found else "stack"


def configured(configuration: Configuration) -> list[str]:
    """Return the names of the components that are no locations, those of the main deployment first."""
    found = []
    for name in configuration.deployment_names:
        view = configuration.of(name)
        second = ["webserver-read-only"] if view.webserver.read_only else []
        daemon = ["daemon"] if view.has_daemon else []
        found += [component_of(what, name) for what in ("webserver", *second, *daemon)]
        found += ["postgres"] if name == MAIN else []
    return found


def app_of(name: str) -> str:
    """Return the `app` label of a component that is no location, which is the name of its objects too."""
    return f"dagster-{name}"


def workloads(connection: Connection, namespace: str) -> dict[str, Mapping[str, Any]]:
    """Return what is there by component, also of a deployment that was taken out and is not pruned yet."""
    query = {"labelSelector": f"{OURS},!{RELEASE}"}
    found = connection.request("GET", collection("apps/v1", "Deployment", namespace), query=query)["items"]
    server = connection.get(path_of("apps/v1", "StatefulSet", POSTGRES, namespace))
    every = {str(one["metadata"]["labels"].get(COMPONENT)): one for one in found}
    every |= {"postgres": server} if server else {}
    known = {name: one for name in every if (one := standing(name))}
    return {name: every[name] for name in sorted(known, key=lambda name: _rank(known[name]))}


def _rank(one: Standing) -> tuple[bool, str, int]:
    return one.deployment != MAIN, one.deployment, _ORDER.index(one.what)


COMPONENT = "app.kubernetes.io/component"


def status_of(
    name: str,
    workload: Mapping[str, Any],
    pods: Sequence[Pod],
    collected: Collect = Collected,
    used: Used = MappingProxyType({}),
) -> ComponentStatus:
    """Return a component's status. `collected` fetches events and logs of a pod that is not ready."""
    known = standing(name)
    assert known is not None, "only what `workloads` found is asked for"
    mine = [pod for pod in pods if pod.labels.get(COMPONENT) == name]
    last = newest(mine)
    asked_for = workload["spec"].get("replicas", 1)
    ready = is_rolled_out(workload) and asked_for > 0
    state = None if ready or last is None or not asked_for else assess(collected(last), explain_end)
    replaced = replaced_pod_end(mine, collected)
    finding = (state and state.finding) or (replaced and replaced.finding) or creation_refusal(workload)
    return ComponentStatus(
        name=name,
        kind=known.kind,
        deployment=known.deployment,
        ready=ready,
        since=last.created if last else None,
        restarts=last.restarts if last else 0,
        last_end=latest(last.last_end if last else None, replaced),
        message="" if ready else _message(workload, state),
        finding=None if ready else finding,
        usage=usage_of(last, used) if last else None,
    )


def location_status(
    name: str,
    number: int | None,
    pods: Sequence[Pod],
    used: Used = MappingProxyType({}),
    collected: Collect = Collected,
) -> ComponentStatus:
    """Return a location's status. `pods` are those of the release that serves."""
    last = newest(pods)
    if number is None or last is None:
        message = "serves no release" if number is None else f"release {number} has no pod"
        return ComponentStatus(name=name, kind="location", ready=False, message=message)
    state = assess(Collected(last))
    return ComponentStatus(
        name=name,
        kind="location",
        ready=state.ready,
        since=last.created,
        restarts=last.restarts,
        last_end=latest(last.last_end, replaced_pod_end(pods, collected)),
        message="" if state.ready else state.message,
        usage=usage_of(last, used),
    )


def latest(*ends: End | None) -> End | None:
    return max((one for one in ends if one), key=lambda one: one.at, default=None)


def is_rolled_out(workload: Mapping[str, Any]) -> bool:
    """Return whether all replicas are current and ready (the rule of `kubectl rollout status`)."""
    status, wanted = workload.get("status", {}), workload["spec"].get("replicas", 1)
    if status.get("observedGeneration", 0) < workload["metadata"].get("generation", 0):
        return False
    counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "readyReplicas")]
    return all(count == wanted for count in counts)


def _message(workload: Mapping[str, Any], state: PodState | None) -> str:
    if not workload["spec"].get("replicas", 1):
        return SCALED_TO_NOTHING
    if state is not None:
        return "the pod before it has not ended" if state.ready else state.message
    refused = creation_refusal(workload)
    return refused.observed if refused else "its pod is not made yet"
