"""The configuration with every default filled in.

A section is one class: its possible keys, their rules, and the value that the program reads.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from playground_ops.config import kubernetes_rules, quantities, rules
from playground_ops.config.location_section import OPS, LocationKeys, OpsSection
from playground_ops.config.pod_section import Pod
from playground_ops.config.section import Section, WrittenAs
from playground_ops.config.store import ArtifactsStore
from playground_ops.core.model import Dependencies, Location
from playground_ops.core.pod_settings import PodSettings


class WebserverSettings(Section):
    pod: Pod = PodSettings()
    read_only: bool = False
    """On Kubernetes: a second webserver, in which nothing can be launched or changed."""
    host: rules.Host = "127.0.0.1"
    port: rules.Port | None = None
    """None: 3000 if it is free, else any free one."""
    allowed_hosts: rules.Listed[kubernetes_rules.HostName] = ()
    """Names by which browsers reach it, beside localhost, its ingress and addresses."""


class DaemonSettings(Section):
    pod: Pod = PodSettings()
    dequeue_interval_seconds: Annotated[int, Field(ge=1, le=3600)] = 1


class TagLimit(Section):
    """How many runs with a tag may be under way at once."""

    key: rules.TagKey
    value: rules.Text | None = None
    """None: whatever the value."""
    per_unique_value: bool = False
    limit: Annotated[int, Field(ge=0, le=100_000)]

    @model_validator(mode="after")
    def _one_of_two(self) -> TagLimit:
        if self.value is not None and self.per_unique_value:
            raise ValueError("no `value` beside `per_unique_value: true`, which is for every value")
        return self


class RunQueueSettings(Section):
    max_concurrent_runs: Annotated[int, Field(ge=-1, le=100_000)] = 10
    """-1: no limit; 0: none starts."""
    tag_concurrency_limits: rules.Listed[TagLimit] = ()


class RunRetriesSettings(Section):
    max_retries: Annotated[int, Field(ge=0, le=1000)] = 0
    """How often a run that failed is tried again, unless its tag `dagster/max_retries` says otherwise."""
    retry_on_asset_or_op_failure: bool = True
    """Whether also where a step failed, and not only where the run's process was lost."""


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


class ExternalPostgres(Section):
    """A database that the stack uses and does not run."""

    host: rules.Host
    port: rules.Port = 5432
    database: rules.Text = "dagster"
    user: rules.Text = "dagster"
    parameters: dict[kubernetes_rules.ConnectionParameter, rules.EnvironmentValue] = Field(
        default_factory=dict
    )
    """Parameters for libpq, such as `sslmode`."""


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


class IngressSettings(Section):
    host: kubernetes_rules.HostName
    class_name: kubernetes_rules.ObjectName | None = None
    path: kubernetes_rules.UrlPath = "/"
    tls_secret: kubernetes_rules.ObjectName | None = None
    annotations: dict[kubernetes_rules.OwnKey, rules.Text] = Field(default_factory=dict)


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

    @property
    def runs_in_pods(self) -> bool:
        return self.run_launcher == "kubernetes"

    @property
    def all_locations(self) -> tuple[Location, ...]:
        """Return the management location first, then the configured ones."""
        return (self.ops, *self.locations)

    @property
    def all_pods(self) -> dict[str, PodSettings]:
        """Return the pod settings by component. An external database has none."""
        return {
            "webserver": self.webserver.pod,
            **({"webserver-read-only": self.webserver.pod} if self.webserver.read_only else {}),
            "daemon": self.daemon.pod,
            **({} if self.postgres.external else {"postgres": self.postgres.pod}),
            **{one.name: self.pod_of(one) for one in self.all_locations},
        }

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
