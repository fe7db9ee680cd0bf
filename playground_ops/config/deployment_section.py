"""Deployments: Dagster instances beside the main one, each with a webserver and a database of its own."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from playground_ops.config import kubernetes_rules, rules
from playground_ops.config.instance_sections import (
    DaemonSettings,
    ExternalPostgres,
    IngressSettings,
    RunQueueSettings,
    RunRetriesSettings,
    WebserverSettings,
)
from playground_ops.config.section import Section
from playground_ops.config.shape import Shape


def _daemon(value: Any) -> Any:
    """Accept `daemon: off` as short for `daemon: {enabled: off}`."""
    return {"enabled": value} if isinstance(value, str | bool) else value


class DeploymentWebserver(WebserverSettings):
    ingress: IngressSettings | None = None
    """On Kubernetes: an ingress of its own."""
    path: kubernetes_rules.UrlPath | None = None
    """On Kubernetes, instead of an ingress of its own: a path of the main one's."""

    @model_validator(mode="after")
    def _one_of_two(self) -> DeploymentWebserver:
        if self.ingress is not None and self.path is not None:
            raise ValueError("`ingress` or `path`, which is one of the main ingress")
        return self


class DeploymentDaemon(DaemonSettings):
    enabled: rules.OnOrOff = "on"
    """`daemon: off` is short for it: runs start at once, without a queue, and no schedule, sensor, backfill
    or automation condition does anything; nothing of that is then told by `health`."""


class DeploymentPostgres(Section):
    """Its database, in the stack's Postgres unless it is `external`."""

    password_secret: kubernetes_rules.SecretName | None = None
    """An existing Secret, with the key `password`. Default: made by the bootstrap."""
    external: ExternalPostgres | None = None
    """A database that the stack uses and does not run."""


class Deployment(Section):
    name: rules.DeploymentName
    """The deployment's name; not `main`, `ops` or the name of a component."""
    webserver: DeploymentWebserver = DeploymentWebserver()
    """Its UI, at a port of its own."""
    daemon: Annotated[
        DeploymentDaemon,
        BeforeValidator(_daemon),
        Shape("mapping, or `off`", also=Literal["on", "off"] | bool),
    ] = DeploymentDaemon()
    """Its daemon."""
    run_queue: RunQueueSettings = RunQueueSettings()
    """Its run queue."""
    run_retries: RunRetriesSettings = RunRetriesSettings()
    """Retries of its runs."""
    environment: dict[rules.EnvironmentName, rules.EnvironmentValue] = Field(default_factory=dict)
    """Variables for all its locations, beneath their own."""
    postgres: DeploymentPostgres = DeploymentPostgres()
    """Its database. Default: one in the stack's Postgres."""

    @property
    def has_daemon(self) -> bool:
        return self.daemon.enabled == "on"
