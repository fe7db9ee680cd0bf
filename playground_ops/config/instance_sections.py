"""The settings of one Dagster instance: of the main one, and of each deployment beside it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from playground_ops.config import kubernetes_rules, rules
from playground_ops.config.pod_section import Pod
from playground_ops.config.section import Section
from playground_ops.config.shape import Shape
from playground_ops.core.pod_settings import PodSettings


class WebserverSettings(Section):
    pod: Pod = PodSettings()
    """The settings of its [pods](#pods)."""
    read_only: bool = False
    """On Kubernetes a second webserver, in which [nothing can be launched](login.md#many-eyes-few-hands)."""
    host: rules.Host = "127.0.0.1"
    """Where the UI listens; [put a login in front](login.md) before others reach it."""
    port: rules.Port | None = None
    """Where the UI listens. One that is given and taken is an error; one that is not given is chosen.
    Default: 3000, or a free one."""
    allowed_hosts: rules.Listed[kubernetes_rules.HostName] = ()
    """[Names by which browsers reach the UI](login.md#what-the-front-door-lets-in), without scheme and port;
    localhost, addresses, the Service and the host of `ingress` need none."""


class DaemonSettings(Section):
    pod: Pod = PodSettings()
    """The settings of its [pods](#pods)."""
    dequeue_interval_seconds: Annotated[int, Field(ge=1, le=3600)] = 1
    """How often the daemon looks for queued runs."""


class TagLimit(Section):
    """How many runs with a tag may be under way at once."""

    key: rules.TagKey
    """The key of the tag."""
    value: rules.Text | None = None
    """The value of the tag. Default: any."""
    per_unique_value: bool = False
    """The limit is for each value of the tag by itself; then there is no `value`."""
    limit: Annotated[int, Field(ge=0, le=100_000)]
    """How many at once."""

    @model_validator(mode="after")
    def _one_of_two(self) -> TagLimit:
        if self.value is not None and self.per_unique_value:
            raise ValueError("no `value` beside `per_unique_value: true`, which is for every value")
        return self


class RunQueueSettings(Section):
    max_concurrent_runs: Annotated[int, Field(ge=-1, le=100_000)] = 10
    """Runs under way at once; others wait in the queue. `-1`: no limit; `0`: none starts."""
    tag_concurrency_limits: rules.Listed[TagLimit] = ()
    """Likewise for runs with a tag."""


class RunRetriesSettings(Section):
    max_retries: Annotated[int, Field(ge=0, le=1000)] = 0
    """How often a run that failed is tried again; the tag `dagster/max_retries` of a run or its job says
    otherwise."""
    retry_on_asset_or_op_failure: bool = True
    """Also where a step failed, and not only where the run's process was lost."""


class IngressSettings(Section):
    host: kubernetes_rules.HostName
    """The host name of the ingress."""
    class_name: kubernetes_rules.ObjectName | None = None
    """The ingress class. Default: the cluster's."""
    path: kubernetes_rules.UrlPath = "/"
    """The prefix of the UI's addresses."""
    tls_secret: kubernetes_rules.SecretName | None = None
    """The certificate for the host."""
    annotations: dict[kubernetes_rules.OwnKey, rules.Text] = Field(default_factory=dict)
    """Annotations of the ingress, as its controller wants them."""

    @property
    def url(self) -> str:
        return f"{'https' if self.tls_secret else 'http'}://{self.host}{self.path.rstrip('/')}"


class ExternalPostgres(Section):
    """A database that the stack uses and does not run."""

    host: rules.Host
    """Where it is."""
    port: rules.Port = 5432
    """Its port."""
    database: Annotated[rules.Text, Shape("text")] = "dagster"
    """Its name there."""
    user: Annotated[rules.Text, Shape("text")] = "dagster"
    """As whom the stack connects."""
    parameters: dict[kubernetes_rules.ConnectionParameter, rules.EnvironmentValue] = Field(
        default_factory=dict
    )
    """Parameters of libpq, such as `sslmode: require` or `connect_timeout: 10` (seconds); the rest of its
    connection timeouts are the stack's."""
