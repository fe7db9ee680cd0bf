"""Secrets, ConfigMaps and claims that the configuration names and somebody else creates.

Running pods do not need them any more; the next pod does not start without them.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from playground_ops.config import Configuration
from playground_ops.core.clock import moment
from playground_ops.core.errors import Finding, FindingKind, certain
from playground_ops.core.model import MAIN
from playground_ops.core.pod import Pod
from playground_ops.core.pod_settings import PodSettings
from playground_ops.diagnose.container_reasons import known
from playground_ops.render.database import PASSWORD_KEY, password_secret
from playground_ops.render.names import LOCATION, OF_NAMESPACE, RELEASE, Object, an_object
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import Selection, collection, path, title
from playground_ops.targets.kubernetes.pods.selection import selected_pods
from playground_ops.targets.kubernetes.releases.deployments import Releases

COMPONENT = "app.kubernetes.io/component"
NOT_MOUNTED = "FailedMount"
LATELY_SECONDS = 240.0
"""A kubelet retries after two minutes at the latest, when it next syncs the pod."""


class Reference(NamedTuple):
    component: str
    namespace: str
    kind: str
    name: str
    purpose: str
    """For people to read."""


def references(configuration: Configuration) -> Iterator[Reference]:
    """Yield all as configured; passwords of databases only where the stack does not make them."""
    home, of = configuration.kubernetes.namespace, configuration.namespace_of
    for view in configuration.views:
        if view.postgres.password_secret or view.postgres.external:
            whose = "the database" if view.deployment == MAIN else f"the database of {view.deployment}"
            purpose = f"{whose}'s password, as `{PASSWORD_KEY}`"
            yield Reference("postgres", home, "Secret", password_secret(view), purpose)
    for location in configuration.all_locations:
        if location.git_secret:
            purpose = f"location {location.name}'s git credentials"
            yield Reference(location.name, of(location.name), "Secret", location.git_secret, purpose)
    if packages := configuration.kubernetes.packages.secret:
        for location in configuration.installing:
            purpose = "the credentials of the package index"
            yield Reference(location.name, of(location.name), "Secret", packages, purpose)
    # The pod of a backup has the volumes of `postgres`, also where the database is an external one.
    database = PodSettings(volumes=configuration.postgres.pod.volumes)
    for component, pod in {"postgres": database, **configuration.all_pods}.items():
        yield from _of_pod(component, of(component), pod)


def _of_pod(component: str, namespace: str, pod: PodSettings) -> Iterator[Reference]:
    purpose = f"{component}'s environment"
    for name in pod.environment_from_secrets:
        yield Reference(component, namespace, "Secret", name, purpose)
    for name in pod.environment_from_config_maps:
        yield Reference(component, namespace, "ConfigMap", name, purpose)
    for volume in pod.volumes:
        sources = {
            "Secret": volume.secret,
            "ConfigMap": volume.config_map,
            "PersistentVolumeClaim": volume.claim,
        }
        for kind, source in sources.items():
            if source:
                yield Reference(component, namespace, kind, source, f"{component}'s volume {volume.name}")


def object_of(one: Reference, configuration: Configuration) -> Object:
    home = configuration.kubernetes.namespace
    return an_object(
        "v1", one.kind, one.name, one.namespace, {OF_NAMESPACE: home} if one.namespace != home else {}
    )


def missing(connection: Connection, configuration: Configuration) -> dict[str, list[Finding]]:
    """Return findings by component, with the rights of `ops`. Raises PlaygroundError.

    `ops` may not read Secrets. The kubelet reports the missing Secret of a volume; the missing Secret of an
    environment shows only with the next pod.
    """
    found: dict[str, list[Finding]] = defaultdict(list)
    for one in dict.fromkeys(references(configuration)):
        if one.kind != "Secret" and connection.get(path(object_of(one, configuration))) is None:
            found[one.component].append(_gone(title(object_of(one, configuration)), one.purpose))
    for namespace in configuration.namespaces:
        query = {"fieldSelector": f"reason={NOT_MOUNTED}"}
        events = connection.request("GET", collection("v1", "Event", namespace), query=query)["items"]
        if events:
            pods = _serving(connection, namespace)
            for component, told in not_mounted(pods, events, connection.now()).items():
                found[component].append(told)
    return found


def _serving(connection: Connection, namespace: str) -> list[Pod]:
    """Return the pods of components and of the releases that serve."""
    releases = Releases(connection, namespace)
    now = {name: releases.address.serving(name) for name in releases.locations()}
    pods = selected_pods(connection, Selection(namespace))
    return [pod for pod in pods if _number(pod) in (None, now.get(pod.labels.get(LOCATION, "")))]


def _number(pod: Pod) -> int | None:
    told = pod.labels.get(RELEASE)
    return int(told) if told else None


def not_mounted(
    pods: Sequence[Pod], events: Sequence[Mapping[str, Any]], now: datetime
) -> dict[str, Finding]:
    """Return findings by component. Pods that are not ready report it themselves; later pods mount anew."""
    ready = {pod.uid: pod for pod in pods if pod.is_ready}
    found = {}
    for event in events:
        pod, message = ready.get(event["involvedObject"].get("uid")), str(event.get("message", ""))
        entry = known(NOT_MOUNTED, message)
        if pod is None or entry is None or entry.kind is not FindingKind.CERTAIN:
            continue
        last, ready_since = event.get("lastTimestamp"), pod.condition("Ready")["lastTransitionTime"]
        if not last or last <= ready_since or (now - moment(last)).total_seconds() > LATELY_SECONDS:
            continue  # it happened before the pod was ready, or was repaired since
        name = pod.labels.get(LOCATION) or pod.labels.get(COMPONENT, "")
        found[name] = _unmounted(pod.name, message, entry.fix)
    return found


def _gone(what: str, told: str) -> Finding:
    return certain(
        object=what,
        observed="It is not there. What runs goes on; a new pod will not start.",
        cause=f"The configuration names it for {told}, and somebody deleted it.",
        fix="Make it again, or correct the name and `deploy`.",
        whose="surroundings",
    )


def _unmounted(pod: str, message: str, fix: str) -> Finding:
    return certain(
        object=f"pod/{pod}",
        observed=f"The kubelet says: {message} What runs goes on; a new pod will not start.",
        cause="A Secret or ConfigMap that it was started with was deleted.",
        fix=fix,
        whose="surroundings",
    )
