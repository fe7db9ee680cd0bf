"""What a code server loaded, and what the webserver shows of it: immutable values."""

from typing import Literal

from pydantic import Field

from playground_ops.core.frozen_model import FrozenModel
from playground_ops.core.model import DefinedKind


class Automation(FrozenModel):
    """A schedule or sensor that a server defines."""

    repository: str
    name: str
    kind: Literal["schedule", "sensor"]
    runs_by_default: bool
    cron: tuple[str, ...] = ()
    """The cron expressions of a schedule."""
    interval_seconds: int | None = None
    """The interval of a sensor."""
    sensor_type: str | None = None


class Defined(FrozenModel):
    """One definition in the code, with the fields that describe it."""

    kind: DefinedKind
    name: str
    repository: str = ""
    """The name of its repository in its location."""
    fields: dict[str, str] = Field(default_factory=dict)
    hidden: dict[str, str] = Field(default_factory=dict)
    """By the name of a field: a hash of all that decides it, also of what is not shown. Hashes of different
    processes can't be compared."""


class LoadedCode(FrozenModel):
    """What a code server reports that it loaded."""

    server_id: str
    working_directories: tuple[str, ...]
    repositories: tuple[str, ...] = ()
    asset_keys: tuple[str, ...] = ()
    automations: tuple[Automation, ...] = ()
    defined: tuple[Defined, ...] = ()
    dagster_version: str = ""


class Shown(FrozenModel):
    """What the webserver shows of a location."""

    server_id: str | None = None
    error: str | None = None
    is_away: bool = False
    """Whether the webserver itself, or its database, did not answer: nothing is known of the location."""
