"""The shape of the file: its keys, their types, and the rules they obey. Unknown keys are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
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
    WebserverSettings,
)
from playground_ops.config.written import text_of
from playground_ops.model import Dependencies


class Section(BaseModel):
    # Inputs are hidden in pydantic's own words, which tracebacks show: one may be a URL with a password.
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _nothing_means_the_default(cls, value: Any) -> Any:
        """A key whose value, or a section whose keys, are all commented out."""
        if not isinstance(value, dict):
            return value
        return {
            key: inner for key, inner in value.items() if inner is not None or key not in cls.model_fields
        }


def _repository(value: str, info: ValidationInfo) -> str | None:
    folder = (info.context or {}).get("folder", Path())
    return address.repository(value, folder)


def _on_or_off(value: Any) -> Any:
    """YAML 1.1 reads a bare `on` or `off` as a boolean."""
    return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value


def _environment_value(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return text_of(value)


Repository = Annotated[str, AfterValidator(_repository)]
Ref = Annotated[str, BeforeValidator(text_of), AfterValidator(rules.ref)]
Seconds = Annotated[int, Field(ge=1, le=7 * 24 * 3600)]
EnvironmentName = Annotated[str, AfterValidator(rules.environment_name)]
EnvironmentValue = Annotated[
    str, BeforeValidator(_environment_value), AfterValidator(rules.environment_value)
]


class RepoSection(Section):
    url: Repository | None = None
    ref: Ref | None = None
    subdirectory: Annotated[str, BeforeValidator(text_of), AfterValidator(rules.subdirectory)] = "."


def _repo(value: Any) -> Any:
    """`repo: URL` is short for `repo: {url: URL}`."""
    return {"url": value} if isinstance(value, str) else value


class LocationSection(Section):
    name: Annotated[str, BeforeValidator(text_of), AfterValidator(rules.location_name)]
    repo: Annotated[RepoSection, BeforeValidator(_repo)] = RepoSection()
    module: Annotated[str, AfterValidator(rules.module)] | None = None
    dependencies: Annotated[Dependencies, Field(strict=False)] = Dependencies.AUTO
    automation: Annotated[Literal["on", "off"], BeforeValidator(_on_or_off)] | None = None
    follow: bool = False
    follow_interval_seconds: Annotated[int, Field(ge=5, le=24 * 3600)] = 30
    environment: dict[EnvironmentName, EnvironmentValue] = Field(default_factory=dict)
    startup_timeout_seconds: Seconds = 180
    longest_run_seconds: Seconds = 3600
    smoke_job: Annotated[str, BeforeValidator(text_of), AfterValidator(rules.smoke_job)] | None = None
    smoke_check: Annotated[str, AfterValidator(rules.smoke_check)] | None = None


class EnvironmentSection(Section):
    """The flat keys of the first version."""

    repo_url_a: Repository | None = None
    repo_ref_a: Ref | None = None
    repo_url_b: Repository | None = None
    repo_ref_b: Ref | None = None


class WebserverSection(Section):
    host: Annotated[str, AfterValidator(rules.host)] = WebserverSettings().host
    port: Annotated[int, Field(ge=1, le=65535)] | None = None


class DaemonSection(Section):
    dequeue_interval_seconds: Annotated[int, Field(ge=1, le=3600)] = DaemonSettings().dequeue_interval_seconds


class ImagesSection(Section):
    git_sync: Annotated[str, AfterValidator(rules.image)] = ImageSettings().git_sync


class HealthSection(Section):
    interval_minutes: Annotated[int, Field(ge=1, le=60)] = HealthSettings().interval_minutes


class RolloutSection(Section):
    confirm_timeout_seconds: Annotated[float, Field(gt=0, le=600)] = RolloutSettings().confirm_timeout_seconds
    transient_timeout_seconds: Annotated[float, Field(ge=0, le=3600)] = (
        RolloutSettings().transient_timeout_seconds
    )


class File(Section):
    target: Literal["local", "kubernetes"] = "local"
    code_locations: list[LocationSection] | None = None
    environment: EnvironmentSection | None = None
    images: ImagesSection = ImagesSection()
    webserver: WebserverSection = WebserverSection()
    daemon: DaemonSection = DaemonSection()
    health: HealthSection = HealthSection()
    rollout: RolloutSection = RolloutSection()
