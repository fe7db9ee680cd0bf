"""The configuration with every default filled in.

A section is one class: its possible keys, their rules, and the value that the program reads.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from playground_ops.config import quantities, rules
from playground_ops.config.deployment_section import Deployment
from playground_ops.config.instance_sections import (
    DaemonSettings,
    RunQueueSettings,
    RunRetriesSettings,
    WebserverSettings,
)
from playground_ops.config.kubernetes_section import ImageSettings, KubernetesSettings, PostgresSettings
from playground_ops.config.location_section import OPS, LocationKeys, OpsSection
from playground_ops.config.section import Section, WrittenAs
from playground_ops.core.component import component_of
from playground_ops.core.model import MAIN, Dependencies, Location
from playground_ops.core.pod_settings import PodSettings


class Webhook(Section):
    """A URL that is called when the stack's health changes."""

    variable: rules.EnvironmentName
    """The variable in the environment of `ops` that holds the webhook's URL, which is a secret."""
    form: Literal["json", "slack"] = "json"
    """How the body is written."""


class HealthSettings(Section):
    interval_minutes: Annotated[int, Field(ge=1, le=60)] = 10
    """How often it runs; the sensor `health_watch` looks every minute beside."""
    kept_days: Annotated[int, Field(ge=1, le=3650)] = 7
    """How long its runs that succeeded stay, with their logs and its schedule's ticks."""
    tell: Annotated[rules.Listed[Webhook], Field(max_length=20)] = ()
    """[Who is told](health.md#who-is-told) when something begins to be wrong, and when it is well again."""
    heal_times: Annotated[int, Field(ge=0, le=20)] = 0
    """How often `health_check` may [mend a location by itself](health.md#what-mends-itself) within the
    window."""
    heal_window_minutes: Annotated[int, Field(ge=10, le=1440)] = 60
    """The window."""


class RolloutSettings(Section):
    confirm_timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 10.0
    """For the webserver to show a new release; then the old one serves again."""
    confirm_seconds: Annotated[float, Field(ge=0, le=600)] = 10.0
    """How long a release that took another one's place is watched, before that one may go."""
    transient_timeout_seconds: Annotated[float, Field(ge=0, le=3600)] = 60.0
    """How long what may pass (git, network, package index, a registry) is tried again."""
    capacity_timeout_seconds: Annotated[float, Field(ge=0, le=3600)] = 120.0
    """How long room is waited for: on a node, in a quota, of a volume; 900 at least once an autoscaler says
    that it makes some."""


class StackSettings(Section):
    """All sections except those about code locations."""

    target: Literal["local", "kubernetes"] = "local"
    """Where the stack runs; every command and job."""
    run_launcher: Literal["code_server", "kubernetes"] = "code_server"
    """Who executes runs: the server of their release, or
    [a pod of each run's own](kubernetes.md#runs-in-pods-of-their-own), on Kubernetes alone."""
    run_queue: RunQueueSettings = RunQueueSettings()
    """Dagster's run queue."""
    run_retries: RunRetriesSettings = RunRetriesSettings()
    """[Dagster's retries of whole runs](#retries-of-runs)."""
    run_log_limit: quantities.Bytes = "1Gi"
    """[How much of what one run prints is kept](kubernetes.md#what-a-location-may-keep); the job
    `health_check` cuts what is more, and the run's page says so."""
    environment_file: rules.EnvironmentFile | None = None
    """On one machine: [a file with variables](#variables-that-are-secret) for the servers of all locations,
    `ops` too."""
    images: ImageSettings = ImageSettings()
    """Used on Kubernetes alone."""
    webserver: WebserverSettings = WebserverSettings()
    """The UI."""
    daemon: DaemonSettings = DaemonSettings()
    """Dagster's daemon."""
    health: HealthSettings = HealthSettings()
    """The scheduled job `health_check`."""
    rollout: RolloutSettings = RolloutSettings()
    """The timeouts of every rollout."""
    postgres: PostgresSettings = PostgresSettings()
    """[The database](#on-kubernetes)."""
    kubernetes: KubernetesSettings = KubernetesSettings()
    """[Where and how the stack lies in a cluster](#on-kubernetes)."""
    deployments: rules.Listed[Deployment] = ()
    """[Dagster instances beside the main one](#a-deployment), each for
    [some of the locations](deployments.md)."""
    ops: Annotated[Location, WrittenAs(OpsSection)] = OPS
    """The management location, which every stack has."""


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
