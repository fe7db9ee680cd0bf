"""What a configuration file says, with every default filled in."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from playground_ops.config.store import ArtifactsStore
from playground_ops.core.frozen_model import FrozenModel
from playground_ops.core.model import Dependencies, Location
from playground_ops.core.pod_settings import PodSettings

OPS = Location(name="ops", module="playground_ops.definitions")
"""The management location, part of every stack. Where it comes from is all that is configured of it."""


class WebserverSettings(FrozenModel):
    pod: PodSettings = PodSettings()
    read_only: bool = False
    """A second one, in which nothing can be launched or changed. On Kubernetes."""
    host: str = "127.0.0.1"
    port: int | None = None
    """None: 3000 if it is free, else any free one."""


class DaemonSettings(FrozenModel):
    pod: PodSettings = PodSettings()
    dequeue_interval_seconds: int = 1


class TagLimit(FrozenModel):
    """How many runs with a tag may be under way at once."""

    key: str
    value: str | None = None
    """None: whatever the value."""
    per_unique_value: bool = False
    limit: int


class RunQueueSettings(FrozenModel):
    max_concurrent_runs: int = 10
    """-1: no limit; 0: none starts."""
    tag_concurrency_limits: tuple[TagLimit, ...] = ()


class ImageSettings(FrozenModel):
    dagster: str = "docker.io/dagster/dagster-k8s:1.13.27"
    postgres: str = "docker.io/library/postgres:15"
    git_sync: str = "registry.k8s.io/git-sync/git-sync:v4.2.4"


class Webhook(FrozenModel):
    """Where a change of the stack's health is told."""

    variable: str
    """Of `ops`'s environment; holds the URL, which is a secret."""
    form: Literal["json", "slack"] = "json"


class HealthSettings(FrozenModel):
    interval_minutes: int = 10
    kept_days: int = 7
    """How long its runs that succeeded stay."""
    tell: tuple[Webhook, ...] = ()
    heal_times: int = 0
    """How often a location may be mended within the window; 0: never."""
    heal_window_minutes: int = 60


class RolloutSettings(FrozenModel):
    confirm_timeout_seconds: float = 10.0
    confirm_seconds: float = 10.0
    """How long a release that took another one's place is watched before that one may go."""
    transient_timeout_seconds: float = 60.0
    capacity_timeout_seconds: float = 120.0


class ExternalPostgres(FrozenModel):
    """A database that the stack uses and does not run."""

    host: str
    port: int = 5432
    database: str = "dagster"
    user: str = "dagster"
    parameters: dict[str, str] = Field(default_factory=dict)
    """Of libpq, such as `sslmode`."""


class BackupSettings(FrozenModel):
    schedule: str | None = None
    """Cron, in UTC; None: only when somebody launches the job."""
    kept: int = 7


class PostgresSettings(FrozenModel):
    storage: str = "10Gi"
    password_secret: str | None = None
    """An existing Secret with the key `password`; None: the bootstrap makes one."""
    external: ExternalPostgres | None = None
    backups: BackupSettings = BackupSettings()
    pod: PodSettings = PodSettings()


class IngressSettings(FrozenModel):
    host: str
    class_name: str | None = None
    path: str = "/"
    tls_secret: str | None = None
    annotations: dict[str, str] = Field(default_factory=dict)


class PackagesSettings(FrozenModel):
    """Where the packages of locations come from."""

    index_url: str | None = None
    """None: PyPI."""
    extra_index_urls: tuple[str, ...] = ()
    secret: str | None = None
    """A Secret with the credentials for them."""


class KubernetesSettings(FrozenModel):
    context: str | None = None
    """The only one that is ever written to; None: it has to be named in the command."""
    namespace: str = "dagster"
    storage_class: str | None = None
    """None: the cluster's default."""
    artifacts: str = "10Gi"
    artifacts_access: Literal["ReadWriteOnce", "ReadWriteMany"] = "ReadWriteOnce"
    artifacts_store: ArtifactsStore | None = None
    """None: captured logs lie on the claim too."""
    network_policies: bool = True
    admission_policy: bool = True
    """Limits what `ops` can make pods of; it takes the right to make cluster-wide objects."""
    packages: PackagesSettings = PackagesSettings()
    ingress: IngressSettings | None = None
    read_only_ingress: IngressSettings | None = None
    """To the second webserver."""
    ops: PodSettings = PodSettings()


class Configuration(FrozenModel):
    source: str
    """Path of the file it was read from."""
    text: str = ""
    """The file itself."""
    target: Literal["local", "kubernetes"] = "local"
    run_launcher: Literal["code_server", "kubernetes"] = "code_server"
    """Where a run is executed: by the server of its release, or in a pod of its own."""
    run_queue: RunQueueSettings = RunQueueSettings()
    webserver: WebserverSettings = WebserverSettings()
    daemon: DaemonSettings = DaemonSettings()
    images: ImageSettings = ImageSettings()
    health: HealthSettings = HealthSettings()
    rollout: RolloutSettings = RolloutSettings()
    postgres: PostgresSettings = PostgresSettings()
    kubernetes: KubernetesSettings = KubernetesSettings()
    ops: Location = OPS
    locations: tuple[Location, ...]
    secret_versions: dict[str, str] = Field(default_factory=dict)
    """Of Secrets, by name: found in the cluster, not in the file."""
    allowed: dict[str, list[str]] = Field(default_factory=dict)
    """What `ops` from git may use (`render/allowed.py`), as it was or is about to be applied."""
    live_runs: tuple[str, ...] = ()
    """Container contexts of the releases there are, found there likewise: which pods their runs may have."""

    @property
    def runs_in_pods(self) -> bool:
        return self.run_launcher == "kubernetes"

    @property
    def all_locations(self) -> tuple[Location, ...]:
        """The management location first, then the configured ones."""
        return (self.ops, *self.locations)

    @property
    def all_pods(self) -> dict[str, PodSettings]:
        """By component: what is set of its pods. An external database has none."""
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
        """The stack's, then those of isolated locations."""
        return (self.kubernetes.namespace, *(self.namespace_of(one.name) for one in self.isolated))

    @property
    def installing(self) -> tuple[Location, ...]:
        """Those that may have packages of their own; with `auto` their commit decides. Never `ops`."""
        shared = Dependencies.SHARED
        return tuple(one for one in self.locations if one.repository and one.dependencies is not shared)

    def namespace_of(self, location: str) -> str:
        """Where its pods, its Service and what they need are."""
        own = self.kubernetes.namespace
        isolation = next((one.isolation for one in self.isolated if one.name == location), None)
        return (isolation.namespace or f"{own}-{location}") if isolation else own

    def pod_of(self, location: Location) -> PodSettings:
        return self.kubernetes.ops if location.name == OPS.name else location.pod
