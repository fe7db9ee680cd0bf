"""The configuration with every default filled in.

A section is one class: its possible keys, their rules, and the value that the program reads.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from playground_ops.config import kubernetes_rules, quantities, rules
from playground_ops.config.deployment_section import Deployment
from playground_ops.config.instance_sections import (
    DaemonSettings,
    ExternalPostgres,
    IngressSettings,
    RunQueueSettings,
    RunRetriesSettings,
    WebserverSettings,
)
from playground_ops.config.location_section import OPS, LocationKeys, OpsSection
from playground_ops.config.pod_section import Pod
from playground_ops.config.section import Section, WrittenAs
from playground_ops.config.store import ArtifactsStore
from playground_ops.core.component import component_of
from playground_ops.core.model import MAIN, Dependencies, Location
from playground_ops.core.pod_settings import PodSettings


class ImageSettings(Section):
    dagster: rules.Image = "docker.io/dagster/dagster-k8s:1.13.27"
    postgres: rules.Image = "docker.io/library/postgres:15"
    git_sync: rules.Image = "registry.k8s.io/git-sync/git-sync:v4.2.4"


class Webhook(Section):
    """A URL that is called when the stack's health changes."""

    variable: rules.EnvironmentName
    """The variable in the environment of `ops` that holds the URL, which is a secret."""
    form: Literal["json", "slack"] = "json"


class HealthSettings(Section):
    interval_minutes: Annotated[int, Field(ge=1, le=60)] = 10
    kept_days: Annotated[int, Field(ge=1, le=3650)] = 7
    """How long its successful runs are kept."""
    tell: Annotated[rules.Listed[Webhook], Field(max_length=20)] = ()
    heal_times: Annotated[int, Field(ge=0, le=20)] = 0
    """How often a location may be healed within the window; 0: never."""
    heal_window_minutes: Annotated[int, Field(ge=10, le=1440)] = 60


class RolloutSettings(Section):
    confirm_timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 10.0
    confirm_seconds: Annotated[float, Field(ge=0, le=600)] = 10.0
    """How long a new release is watched before the previous one may end."""
    transient_timeout_seconds: Annotated[float, Field(ge=0, le=3600)] = 60.0
    capacity_timeout_seconds: Annotated[float, Field(ge=0, le=3600)] = 120.0


class BackupSettings(Section):
    schedule: quantities.CronSchedule | None = None
    """Cron, in UTC; None: only when somebody launches the job."""
    kept: Annotated[int, Field(ge=1, le=1000)] = 7


class PostgresSettings(Section):
    storage: quantities.Bytes = "10Gi"
    password_secret: kubernetes_rules.ObjectName | None = None
    """An existing Secret with the key `password`; None: the bootstrap makes one."""
    external: ExternalPostgres | None = None
    backups: BackupSettings = BackupSettings()
    pod: Pod = PodSettings()


class PackagesSettings(Section):
    """Where the packages of locations come from."""

    index_url: rules.IndexUrl | None = None
    """None: PyPI."""
    extra_index_urls: rules.Listed[rules.IndexUrl] = ()
    secret: kubernetes_rules.ObjectName | None = None
    """A Secret with the credentials for them."""


class KubernetesSettings(Section):
    context: kubernetes_rules.Context | None = None
    """The only context that is written to; None: commands have to name it."""
    namespace: kubernetes_rules.Namespace = "dagster"
    storage_class: kubernetes_rules.ObjectName | None = None
    """None: the cluster's default."""
    artifacts: quantities.Bytes = "10Gi"
    artifacts_access: Literal["ReadWriteOnce", "ReadWriteMany"] = "ReadWriteOnce"
    artifacts_store: ArtifactsStore | None = None
    """None: captured logs are on the claim too."""
    network_policies: bool = True
    admission_policy: bool = True
    """Limits what pods `ops` can create; it takes the right to create cluster-wide objects."""
    packages: PackagesSettings = PackagesSettings()
    ingress: IngressSettings | None = None
    read_only_ingress: IngressSettings | None = None
    """The ingress of the second webserver."""
    ops: Pod = PodSettings()


class StackSettings(Section):
    """All sections except those about code locations."""

    target: Literal["local", "kubernetes"] = "local"
    run_launcher: Literal["code_server", "kubernetes"] = "code_server"
    """Where a run is executed: in its release's code server, or in a pod of its own."""
    run_queue: RunQueueSettings = RunQueueSettings()
    run_retries: RunRetriesSettings = RunRetriesSettings()
    run_log_limit: quantities.Bytes = "1Gi"
    """How much of what one run prints is kept."""
    environment_file: rules.EnvironmentFile | None = None
    """On one machine: variables for the servers of all locations, `ops` too."""
    images: ImageSettings = ImageSettings()
    webserver: WebserverSettings = WebserverSettings()
    daemon: DaemonSettings = DaemonSettings()
    health: HealthSettings = HealthSettings()
    rollout: RolloutSettings = RolloutSettings()
    postgres: PostgresSettings = PostgresSettings()
    kubernetes: KubernetesSettings = KubernetesSettings()
    deployments: rules.Listed[Deployment] = ()
    """Dagster instances beside the main one."""
    ops: Annotated[Location, WrittenAs(OpsSection)] = OPS


class File(StackSettings, LocationKeys):
    """The whole file. Hints at a key search the keys of the last base first, which are those of locations."""


class Configuration(StackSettings):
    """The configuration as the rest of the program reads it."""

    source: str
    """Path of the file it was read from."""
    text: str = ""
    """The file itself."""
    locations: tuple[Location, ...]
    deployment: str = MAIN
    """The deployment of which this is a view (`of`); the whole has the settings of the main one."""
    is_view: bool = False
    main_ui: str | None = None
    """In a view, the address at which browsers reach the main deployment's UI, where it has an ingress."""
    are_two_versions: bool = False
    """Whether B of the flat form was given a deployment of its own, as its repository is A's."""

    def of(self, name: str) -> Configuration:
        """Return the configuration of one deployment: its settings, and its locations alone."""
        own = next((one for one in self.deployments if one.name == name), None)
        settings = _of_deployment(self, own) if own else {}
        locations = tuple(one for one in self.locations if one.deployment == name)
        ingress = self.kubernetes.ingress
        known = {"deployment": name, "is_view": True, "main_ui": ingress and ingress.url}
        return self.model_copy(update={**known, "locations": locations, **settings})

    @property
    def deployment_names(self) -> tuple[str, ...]:
        return (MAIN, *(one.name for one in self.deployments))

    @property
    def views(self) -> tuple[Configuration, ...]:
        """Return the configuration of each deployment, the main one first. It is asked of the whole."""
        return tuple(map(self.of, self.deployment_names))

    def deployment_of(self, location: str) -> str:
        """Return the name of a location's deployment; that of one that is not configured is the main one."""
        return next((one.deployment for one in self.locations if one.name == location), MAIN)

    @property
    def has_daemon(self) -> bool:
        return all(one.has_daemon for one in self.deployments if one.name == self.deployment)

    @property
    def runs_in_pods(self) -> bool:
        return self.run_launcher == "kubernetes"

    @property
    def all_locations(self) -> tuple[Location, ...]:
        """Return the management location first, where it is of this deployment, then the configured ones."""
        return (self.ops, *self.locations) if self.deployment == MAIN else self.locations

    @property
    def all_pods(self) -> dict[str, PodSettings]:
        """Return the pod settings by component. An external database has none."""
        beside = () if self.is_view else self.deployments
        has_postgres = self.deployment == MAIN and not self.postgres.external
        return {
            **self._own_pods,
            **({"postgres": self.postgres.pod} if has_postgres else {}),
            **{name: pod for one in beside for name, pod in self.of(one.name)._own_pods.items()},
            **{one.name: self.pod_of(one) for one in self.all_locations},
        }

    @property
    def _own_pods(self) -> dict[str, PodSettings]:
        """Return those of the deployment's webservers and daemon."""
        found = {"webserver": self.webserver.pod}
        found |= {"webserver-read-only": self.webserver.pod} if self.webserver.read_only else {}
        found |= {"daemon": self.daemon.pod} if self.has_daemon else {}
        return {component_of(kind, self.deployment): pod for kind, pod in found.items()}

    @property
    def isolated(self) -> tuple[Location, ...]:
        return tuple(one for one in self.locations if one.isolation)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Return the stack's namespace, then those of isolated locations."""
        return (self.kubernetes.namespace, *(self.namespace_of(one.name) for one in self.isolated))

    @property
    def installing(self) -> tuple[Location, ...]:
        """Return the locations that may have own packages, never `ops`; with `auto` the commit decides."""
        shared = Dependencies.SHARED
        return tuple(one for one in self.locations if one.repository and one.dependencies is not shared)

    def namespace_of(self, location: str) -> str:
        """Return the namespace of its pods, its Service and what they need."""
        own = self.kubernetes.namespace
        isolation = next((one.isolation for one in self.isolated if one.name == location), None)
        return (isolation.namespace or f"{own}-{location}") if isolation else own

    def pod_of(self, location: Location) -> PodSettings:
        return self.kubernetes.ops if location.name == OPS.name else location.pod


def _of_deployment(whole: Configuration, own: Deployment) -> dict[str, Any]:
    """Return what a deployment has in the place of the main one's settings."""
    ingress = own.webserver.ingress
    if own.webserver.path and whole.kubernetes.ingress:
        ingress = whole.kubernetes.ingress.model_copy(update={"path": own.webserver.path})
    cluster = {"ingress": ingress, "read_only_ingress": None}
    database = own.postgres.model_dump(include={"password_secret"}) | {"external": own.postgres.external}
    return {
        "webserver": own.webserver,
        "daemon": own.daemon,
        "run_queue": own.run_queue,
        "run_retries": own.run_retries,
        "kubernetes": whole.kubernetes.model_copy(update=cluster),
        "postgres": whole.postgres.model_copy(update=database),
    }
