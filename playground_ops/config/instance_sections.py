"""The settings of one Dagster instance: of the main one, and of each deployment beside it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from playground_ops.config import kubernetes_rules, rules
from playground_ops.config.pod_section import Pod
from playground_ops.config.section import Section
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


class IngressSettings(Section):
    host: kubernetes_rules.HostName
    class_name: kubernetes_rules.ObjectName | None = None
    path: kubernetes_rules.UrlPath = "/"
    tls_secret: kubernetes_rules.ObjectName | None = None
    annotations: dict[kubernetes_rules.OwnKey, rules.Text] = Field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls_secret else 'http'}://{self.host}{self.path.rstrip('/')}"


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
