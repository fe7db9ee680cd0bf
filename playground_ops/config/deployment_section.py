"""Deployments: Dagster instances beside the main one, each with a webserver and a database of its own."""

from __future__ import annotations

from typing import Annotated, Any

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


def _daemon(value: Any) -> Any:
    """Accept `daemon: off` as short for `daemon: {enabled: off}`."""
    return {"enabled": value} if isinstance(value, str | bool) else value


class DeploymentWebserver(WebserverSettings):
    ingress: IngressSettings | None = None
    path: kubernetes_rules.UrlPath | None = None
    """A path of the main ingress, by which this webserver is reached."""

    @model_validator(mode="after")
    def _one_of_two(self) -> DeploymentWebserver:
        if self.ingress is not None and self.path is not None:
            raise ValueError("`ingress` or `path`, which is one of the main ingress")
        return self


class DeploymentDaemon(DaemonSettings):
    enabled: rules.OnOrOff = "on"
    """`off`: runs start at once, without a queue, and no schedule, sensor or backfill does anything."""


class DeploymentPostgres(Section):
    """Its database, in the stack's Postgres unless it is `external`."""

    password_secret: kubernetes_rules.ObjectName | None = None
    """An existing Secret with the key `password`; None: the bootstrap makes one."""
    external: ExternalPostgres | None = None


class Deployment(Section):
    name: rules.DeploymentName
    webserver: DeploymentWebserver = DeploymentWebserver()
    daemon: Annotated[DeploymentDaemon, BeforeValidator(_daemon)] = DeploymentDaemon()
    run_queue: RunQueueSettings = RunQueueSettings()
    run_retries: RunRetriesSettings = RunRetriesSettings()
    environment: dict[rules.EnvironmentName, rules.EnvironmentValue] = Field(default_factory=dict)
    """Variables for all its locations, beneath their own."""
    postgres: DeploymentPostgres = DeploymentPostgres()

    @property
    def has_daemon(self) -> bool:
        return self.daemon.enabled == "on"
