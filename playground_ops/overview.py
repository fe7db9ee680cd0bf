"""What Dagster itself tells of a stack: its daemons, its runs under way, what ticks. Values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from playground_ops.value import Value


class Heartbeat(Value):
    """Of one of Dagster's daemons, all of which run in one process."""

    daemon: str
    required: bool
    age_seconds: float | None
    """Since it was last heard of; None: never."""
    errors: tuple[str, ...] = ()


class UnderWay(Value):
    """A run that has not ended."""

    run_id: str
    job: str
    location: str | None
    """None for one that was launched outside any location."""
    status: Literal["QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING"]
    seconds: float
    """Since it is in this status, as far as that is known; else since it was made."""


class Ticking(Value):
    """A schedule or a sensor."""

    location: str
    kind: Literal["schedule", "sensor"]
    name: str
    running: bool
    last: str | None = None
    """The last tick's status: SUCCESS, FAILURE, SKIPPED or STARTED; None where it has not ticked yet."""
    age_seconds: float | None = None
    """Since the last tick began."""
    every_seconds: float | None = None
    """Of a sensor, the least time between two ticks."""
    error: str = ""
    """Of the last tick, as Python prints it."""


class Overview(Value):
    version: str = ""
    """Of Dagster in the webserver."""
    versions: Mapping[str, str] = Field(default_factory=dict)
    """Of Dagster in the server of each location that is loaded."""
    heartbeats: tuple[Heartbeat, ...] = ()
    runs: tuple[UnderWay, ...] = ()
    ticking: tuple[Ticking, ...] = ()
    errors: Mapping[str, str] = Field(default_factory=dict)
    """Locations that the webserver could not load, with what it was told."""
