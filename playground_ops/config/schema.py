"""The shape of the file: its keys, their types, and the rules they obey. Unknown keys are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    model_validator,
)

from playground_ops.config import address, rules
from playground_ops.config.configuration import (
    DaemonSettings,
    HealthSettings,
    ImageSettings,
    RolloutSettings,
    RunQueueSettings,
    WebserverSettings,
)
from playground_ops.config.kubernetes_schema import (
    ContainerPath,
    DestinationSection,
    Image,
    IsolationSection,
    KubernetesSection,
    ObjectName,
    PodSection,
    PostgresSection,
)
from playground_ops.config.scalars import text_of
from playground_ops.config.section import EnvironmentName, EnvironmentValue, Section
from playground_ops.core.model import DefinedKind, Dependencies


def _repository(value: str, info: ValidationInfo) -> str | None:
    folder = (info.context or {}).get("folder", Path())
    return address.repository(value, folder)


def _on_or_off(value: Any) -> Any:
    """YAML 1.1 reads a bare `on` or `off` as a boolean."""
    return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value


Repository = Annotated[str, AfterValidator(_repository)]
Ref = Annotated[str, BeforeValidator(text_of), AfterValidator(rules.ref)]
Seconds = Annotated[int, Field(ge=1, le=7 * 24 * 3600)]


RefPattern = Annotated[str, BeforeValidator(text_of), AfterValidator(rules.ref_pattern)]


class RepoSection(Section):
    url: Repository | None = None
    ref: Ref | None = None
    subdirectory: Annotated[str, BeforeValidator(text_of), AfterValidator(rules.subdirectory)] = "."
    secret: ObjectName | None = None
    allowed_refs: list[RefPattern] = Field(default_factory=list)


def _repo(value: Any) -> Any:
    """`repo: URL` is short for `repo: {url: URL}`."""
    return {"url": value} if isinstance(value, str) else value


def _isolation(value: Any) -> Any:
    """`isolation: true` is short for one in which nothing else is asked for."""
    return ({} if value else None) if isinstance(value, bool) else value


def _destinations(value: Any) -> Any:
    """`egress: closed` is short for an empty list."""
    if isinstance(value, str) and value != "closed":
        raise ValueError("`closed`, or a list such as `[{cidr: 10.20.0.0/16, ports: [5432]}]`")
    return [] if value == "closed" else value


class LocationSection(Section):
    name: Annotated[str, BeforeValidator(text_of), AfterValidator(rules.location_name)]
    repo: Annotated[RepoSection, BeforeValidator(_repo)] = RepoSection()
    image: Image | None = None
    python_file: ContainerPath | None = None
    working_directory: ContainerPath | None = None
    module: Annotated[str, AfterValidator(rules.module)] | None = None
    dependencies: Annotated[Dependencies, Field(strict=False)] = Dependencies.AUTO
    automation: Annotated[Literal["on", "off"], BeforeValidator(_on_or_off)] | None = None
    follow: bool = False
    follow_interval_seconds: Annotated[int, Field(ge=5, le=24 * 3600)] = 30
    environment: dict[EnvironmentName, EnvironmentValue] = Field(default_factory=dict)
    startup_timeout_seconds: Seconds = 180
    longest_run_seconds: Seconds = 3600
    egress: Annotated[list[DestinationSection], BeforeValidator(_destinations)] | None = None
    smoke_job: Annotated[str, BeforeValidator(text_of), AfterValidator(rules.smoke_job)] | None = None
    smoke_check: Annotated[str, AfterValidator(rules.smoke_check)] | None = None
    smoke_timeout_seconds: Seconds = 600
    approval: Literal["none", "manual"] = "none"
    approval_timeout_seconds: Seconds = 3600
    must_keep: list[DefinedKind] = Field(default_factory=list)
    pod: PodSection = PodSection()
    isolation: Annotated[IsolationSection | None, BeforeValidator(_isolation)] = None


class OpsSection(Section):
    repo: Annotated[RepoSection, BeforeValidator(_repo)] = RepoSection()


class EnvironmentSection(Section):
    """The flat keys of the first version."""

    repo_url_a: Repository | None = None
    repo_ref_a: Ref | None = None
    repo_url_b: Repository | None = None
    repo_ref_b: Ref | None = None


class WebserverSection(Section):
    pod: PodSection = PodSection()
    read_only: bool = False
    host: Annotated[str, AfterValidator(rules.host)] = WebserverSettings().host
    port: Annotated[int, Field(ge=1, le=65535)] | None = None


class DaemonSection(Section):
    pod: PodSection = PodSection()
    dequeue_interval_seconds: Annotated[int, Field(ge=1, le=3600)] = DaemonSettings().dequeue_interval_seconds


class TagLimitSection(Section):
    key: Annotated[str, BeforeValidator(text_of), AfterValidator(rules.tag_key)]
    value: Annotated[str, BeforeValidator(text_of), AfterValidator(rules.text)] | None = None
    per_unique_value: bool = False
    limit: Annotated[int, Field(ge=0, le=100_000)]

    @model_validator(mode="after")
    def _one_of_two(self) -> TagLimitSection:
        if self.value is not None and self.per_unique_value:
            raise ValueError("no `value` beside `per_unique_value: true`, which is for every value")
        return self


class RunQueueSection(Section):
    max_concurrent_runs: Annotated[int, Field(ge=-1, le=100_000)] = RunQueueSettings().max_concurrent_runs
    tag_concurrency_limits: list[TagLimitSection] = Field(default_factory=list)


class ImagesSection(Section):
    dagster: Image = ImageSettings().dagster
    postgres: Image = ImageSettings().postgres
    git_sync: Image = ImageSettings().git_sync


class WebhookSection(Section):
    variable: Annotated[str, AfterValidator(rules.environment_name)]
    form: Literal["json", "slack"] = "json"


class HealthSection(Section):
    interval_minutes: Annotated[int, Field(ge=1, le=60)] = HealthSettings().interval_minutes
    kept_days: Annotated[int, Field(ge=1, le=3650)] = HealthSettings().kept_days
    tell: Annotated[list[WebhookSection], Field(max_length=20)] = Field(default_factory=list)
    heal_times: Annotated[int, Field(ge=0, le=20)] = HealthSettings().heal_times
    heal_window_minutes: Annotated[int, Field(ge=10, le=1440)] = HealthSettings().heal_window_minutes


class RolloutSection(Section):
    confirm_timeout_seconds: Annotated[float, Field(gt=0, le=600)] = RolloutSettings().confirm_timeout_seconds
    confirm_seconds: Annotated[float, Field(ge=0, le=600)] = RolloutSettings().confirm_seconds
    transient_timeout_seconds: Annotated[float, Field(ge=0, le=3600)] = (
        RolloutSettings().transient_timeout_seconds
    )
    capacity_timeout_seconds: Annotated[float, Field(ge=0, le=3600)] = (
        RolloutSettings().capacity_timeout_seconds
    )


class File(Section):
    target: Literal["local", "kubernetes"] = "local"
    code_locations: list[LocationSection] | None = None
    environment: EnvironmentSection | None = None
    run_launcher: Literal["code_server", "kubernetes"] = "code_server"
    run_queue: RunQueueSection = RunQueueSection()
    images: ImagesSection = ImagesSection()
    webserver: WebserverSection = WebserverSection()
    daemon: DaemonSection = DaemonSection()
    health: HealthSection = HealthSection()
    rollout: RolloutSection = RolloutSection()
    postgres: PostgresSection = PostgresSection()
    kubernetes: KubernetesSection = KubernetesSection()
    ops: OpsSection = OpsSection()
