"""The shape of the file: its keys, their types, and the rules they obey. Unknown keys are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from playground_ops.config import rules
from playground_ops.config.configuration import (
    DaemonSettings,
    HealthSettings,
    ImageSettings,
    WebserverSettings,
)
from playground_ops.model import Dependencies


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


def _repository(value: str, info: ValidationInfo) -> str | None:
    folder = (info.context or {}).get("folder", Path())
    return rules.repository(value, folder)


def _on_or_off(value: Any) -> Any:
    """YAML 1.1 reads a bare `on` or `off` as a boolean."""
    return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value


def _text(value: Any) -> Any:
    """YAML reads `1.10` or `123` as numbers and `true` as a boolean; a branch may be called so."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _environment_value(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _text(value)


Repository = Annotated[str, AfterValidator(_repository)]
Ref = Annotated[str, BeforeValidator(_text), AfterValidator(rules.ref)]
Seconds = Annotated[int, Field(ge=1, le=7 * 24 * 3600)]
EnvironmentName = Annotated[str, AfterValidator(rules.environment_name)]
EnvironmentValue = Annotated[str, BeforeValidator(_environment_value)]


class RepoSection(Section):
    url: Repository | None = None
    ref: Ref | None = None
    subdirectory: Annotated[str, AfterValidator(rules.subdirectory)] = "."


def _repo(value: Any) -> Any:
    """`repo: URL` is short for `repo: {url: URL}`."""
    return {"url": value} if isinstance(value, str) else value


class LocationSection(Section):
    name: Annotated[str, BeforeValidator(_text), AfterValidator(rules.location_name)]
    repo: Annotated[RepoSection, BeforeValidator(_repo)] = RepoSection()
    module: Annotated[str, AfterValidator(rules.module)] | None = None
    dependencies: Annotated[Dependencies, Field(strict=False)] = Dependencies.AUTO
    automation: Annotated[Literal["on", "off"], BeforeValidator(_on_or_off)] | None = None
    follow: bool = False
    follow_interval_seconds: Annotated[int, Field(ge=5, le=24 * 3600)] = 30
    environment: dict[EnvironmentName, EnvironmentValue] = Field(default_factory=dict)
    startup_timeout_seconds: Seconds = 180
    longest_run_seconds: Seconds = 3600
    smoke_job: str | None = None
    smoke_check: Annotated[str, AfterValidator(rules.smoke_check)] | None = None


class EnvironmentSection(Section):
    """The flat keys of the first version."""

    repo_url_a: Repository | None = None
    repo_ref_a: Ref | None = None
    repo_url_b: Repository | None = None
    repo_ref_b: Ref | None = None


class WebserverSection(Section):
    host: str = WebserverSettings().host
    port: Annotated[int, Field(ge=1, le=65535)] | None = None


class DaemonSection(Section):
    dequeue_interval_seconds: Annotated[int, Field(ge=1, le=3600)] = DaemonSettings().dequeue_interval_seconds


class ImagesSection(Section):
    git_sync: str = ImageSettings().git_sync


class HealthSection(Section):
    interval_minutes: Annotated[int, Field(ge=1, le=60)] = HealthSettings().interval_minutes


class RolloutSection(Section):
    confirm_timeout_seconds: Annotated[float, Field(gt=0, le=600, strict=False)] = 10.0
    transient_timeout_seconds: Annotated[float, Field(ge=0, le=3600, strict=False)] = 60.0


class File(Section):
    target: Literal["local", "kubernetes"] = "local"
    code_locations: list[LocationSection] | None = None
    environment: EnvironmentSection | None = None
    images: ImagesSection = ImagesSection()
    webserver: WebserverSection = WebserverSection()
    daemon: DaemonSection = DaemonSection()
    health: HealthSection = HealthSection()
    rollout: RolloutSection = RolloutSection()
