"""What the pods of all components have in common, and how a person's settings are added."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from playground_ops.core.pod_settings import PodSettings, Resources, Toleration, Volume, amount
from playground_ops.render.names import ARTIFACTS, Object, present

DAGSTER_USER = 10001
"""Any user that is not root; the stock image has none of its own."""
EPHEMERAL = "ephemeral-storage"
DISK_REQUEST, DISK_LIMIT = "64Mi", "8Gi"
"""How much of its node's disk a container asks for, and may fill: else one takes other pods with it."""
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}
"""With the pod's part this is the Pod Security Standard `restricted`, and a read-only root file system."""


@dataclass(frozen=True)
class Mounted:
    """A volume and where a container mounts it."""

    name: str
    path: str
    source: dict[str, Any]
    read_only: bool = False
    folder: str = ""
    """The folder of the volume that is mounted, instead of its root."""

    @property
    def volume(self) -> Object:
        return {"name": self.name, **self.source}

    @property
    def mount(self) -> Object:
        more = present(subPath=self.folder, readOnly=self.read_only or None)
        return {"name": self.name, "mountPath": self.path, **more}


@dataclass(frozen=True)
class Container:
    """The parts of a container that are its own; `container` adds what all have."""

    name: str
    image: str
    resources: Resources
    command: Sequence[str] = ()
    arguments: Sequence[str] = ()
    variables: Sequence[Object] = ()
    volumes: Sequence[Mounted] = ()
    more: Mapping[str, Any] = field(default_factory=dict)
    """Ports and probes."""


@dataclass(frozen=True)
class InitContainer:
    container: Object
    volumes: tuple[Mounted, ...]


def writable(name: str, path: str, folder: str = "") -> Mounted:
    """Mount an empty folder that is deleted with the pod. `folder`: one in it, instead of it."""
    return Mounted(name, path, {"emptyDir": {}}, folder=folder)


def config_map(name: str, path: str, mounted_as: str) -> Mounted:
    """Mount a complete ConfigMap as a folder, not single files by subPath, which are not updated."""
    return Mounted(mounted_as, path, {"configMap": {"name": name}}, read_only=True)


def kept(folder: str, path: str, *, read_only: bool = False) -> Mounted:
    """Mount a folder of the claim that outlives pods; never its root, where the folders of others lie."""
    source = {"persistentVolumeClaim": {"claimName": ARTIFACTS}}
    return Mounted("artifacts", path, source, read_only, folder)


def secret(name: str, path: str, mounted_as: str) -> Mounted:
    """Mount a Secret that not everybody can read: libpq and ssh refuse such keys."""
    return Mounted(mounted_as, path, {"secret": {"secretName": name, "defaultMode": 0o440}}, read_only=True)


def variable(name: str, value: str) -> Object:
    return {"name": name, "value": value}


def secret_variable(name: str, secret: str, key: str, **more: Any) -> Object:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key, **more}}}


def container(found: Container, settings: PodSettings) -> Object:
    """Render a container; a person's settings override its defaults."""
    own = {one["name"] for one in found.variables}
    given = [variable(name, value) for name, value in settings.environment.items() if name not in own]
    environment = [*found.variables, *given]
    sources = [
        *({"configMapRef": {"name": name}} for name in settings.environment_from_config_maps),
        *({"secretRef": {"name": name}} for name in settings.environment_from_secrets),
    ]
    mounted = [*found.volumes, *map(_given, settings.volumes)]
    return {
        "name": found.name,
        "image": found.image,
        "imagePullPolicy": "IfNotPresent",
        **present(command=list(found.command), args=list(found.arguments), env=environment, envFrom=sources),
        "resources": resources(_with_disk(found.resources), settings.resources),
        **found.more,
        "securityContext": dict(RESTRICTED),
        **present(volumeMounts=[one.mount for one in mounted]),
    }


def _with_disk(own: Resources) -> Resources:
    """Add how much of its node's disk it may fill: folders of the pod, what it writes to its log."""
    return Resources(
        requests={EPHEMERAL: DISK_REQUEST, **own.requests}, limits={EPHEMERAL: DISK_LIMIT, **own.limits}
    )


def resources(own: Resources, given: Resources) -> Object:
    """Let each resource that a person names replace the component's default of that name.

    A default never makes a given value invalid: a limit is at least the request.
    """
    requests, limits = {**own.requests, **given.requests}, {**own.limits, **given.limits}
    for name in requests.keys() & limits.keys():
        if amount(requests[name]) > amount(limits[name]):
            if name in given.limits:
                requests[name] = limits[name]
            else:
                limits[name] = requests[name]
    return {"requests": requests, "limits": limits}


@dataclass(frozen=True)
class Pod:
    """A component's own part of a pod. It has no service account's token; what needs one adds it."""

    containers: Sequence[Object]
    settings: PodSettings
    tags: Mapping[str, str]
    volumes: Sequence[Mounted]
    init: Sequence[Object] = ()
    user: int = DAGSTER_USER
    grace_seconds: int = 30
    annotations: Mapping[str, str] = field(default_factory=dict)

    def render(self) -> Object:
        metadata = present(annotations={**self.annotations, **self.settings.annotations})
        volumes = {one.name: one.volume for one in (*self.volumes, *map(_given, self.settings.volumes))}
        volumes |= {name: self._bounded(one) for name, one in volumes.items() if one.get("emptyDir") == {}}
        return {
            "metadata": {"labels": {**self.settings.labels, **self.tags}, **metadata},
            "spec": {
                **self._optional(),
                "automountServiceAccountToken": False,
                "containers": list(self.containers),
                "enableServiceLinks": False,
                "securityContext": {
                    "fsGroup": self.user,
                    "fsGroupChangePolicy": "OnRootMismatch",
                    "runAsGroup": self.user,
                    "runAsNonRoot": True,
                    "runAsUser": self.user,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "terminationGracePeriodSeconds": self.grace_seconds,
                "volumes": list(volumes.values()),
            },
        }

    def _bounded(self, volume: Object) -> Object:
        """Let an empty folder grow as far as what mounts it may: the kubelet ends a pod that goes beyond."""
        whole = (*self.containers, *self.init)
        users = [one for one in whole if volume["name"] in (of["name"] for of in one.get("volumeMounts", ()))]
        limits = [one["resources"]["limits"][EPHEMERAL] for one in users or whole]
        return {**volume, "emptyDir": {"sizeLimit": max(limits, key=amount)}}

    def _optional(self) -> Object:
        settings = self.settings
        return present(
            imagePullSecrets=[{"name": name} for name in settings.image_pull_secrets],
            initContainers=list(self.init),
            nodeSelector=dict(settings.node_selector),
            tolerations=[_toleration(one) for one in settings.tolerations],
            affinity=settings.affinity,
            topologySpreadConstraints=list(settings.topology_spread_constraints),
            priorityClassName=settings.priority_class,
            schedulerName=settings.scheduler_name,
            serviceAccountName=settings.service_account,
        )


def _given(found: Volume) -> Mounted:
    source: Object
    if found.secret:
        source = secret(found.secret, found.path, found.name).source
    elif found.config_map:
        source = {"configMap": {"name": found.config_map}}
    elif found.claim:
        source = {"persistentVolumeClaim": {"claimName": found.claim}}
    else:
        source = {"emptyDir": {"sizeLimit": found.empty_dir}}
    return Mounted(found.name, found.path, source, read_only=found.is_read_only)


def _toleration(found: Toleration) -> Object:
    return present(key=found.key, operator=found.operator, value=found.value, effect=found.effect) | (
        {} if found.seconds is None else {"tolerationSeconds": found.seconds}
    )
