"""The parts of a stack as values: how they are to run, how they do, and what Dagster tells of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from playground_ops.core.errors import Finding
from playground_ops.core.frozen_model import FrozenModel


class Component(FrozenModel):
    """A part of the stack and the settings that decide how it runs."""

    name: str
    kind: Literal["webserver", "daemon", "location", "postgres"]
    settings: dict[str, str]
    """Flat and readable: what a plan shows before and after. Holds no secret."""


class End(FrozenModel):
    """How a process of a component ended that another one has replaced since."""

    at: str
    how: str
    out_of_memory: bool = False


class Usage(FrozenModel):
    """What the container that is nearest to its limit takes just now."""

    container: str
    memory_bytes: int
    """Its working set: what can't be had back without ending something."""
    memory_limit_bytes: int | None = None
    millicores: int = 0
    """Of a processor, on average over the last measured seconds."""
    limit_millicores: int | None = None

    @property
    def filled(self) -> float:
        """Part of the limit of memory; 0 without one."""
        return self.memory_bytes / self.memory_limit_bytes if self.memory_limit_bytes else 0.0


class ComponentStatus(FrozenModel):
    """How a component's process or processes do."""

    name: str
    kind: Literal["webserver", "daemon", "location", "postgres"]
    ready: bool
    since: str | None = None
    restarts: int = 0
    last_end: End | None = None
    message: str = ""
    """What was seen last: waiting for what, how it ended."""
    finding: Finding | None = None
    """Why it is not ready, where that is known."""
    usage: Usage | None = None
    """None where nobody measures it."""


class Heartbeat(FrozenModel):
    """Of one of Dagster's daemons, all of which run in one process."""

    daemon: str
    required: bool
    age_seconds: float | None
    """Since it was last heard of; None: never."""
    errors: tuple[str, ...] = ()


class UnderWay(FrozenModel):
    """A run that has not ended."""

    run_id: str
    job: str
    location: str | None
    """None for one that was launched outside any location."""
    status: Literal["QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING"]
    seconds: float
    """Since it is in this status, as far as that is known; else since it was made."""


class Ticking(FrozenModel):
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


class Overview(FrozenModel):
    version: str = ""
    """Of Dagster in the webserver."""
    versions: Mapping[str, str] = Field(default_factory=dict)
    """Of Dagster in the server of each location that is loaded."""
    heartbeats: tuple[Heartbeat, ...] = ()
    runs: tuple[UnderWay, ...] = ()
    ticking: tuple[Ticking, ...] = ()
    errors: Mapping[str, str] = Field(default_factory=dict)
    """Locations that the webserver could not load, with what it was told."""


class Database(FrozenModel):
    """Dagster's own."""

    bytes_used: int
    connections: int | None = None
    """Of everybody, at this moment; None for one without a server."""
    most_connections: int | None = None
    """That those who are no superusers may have."""
    revision: str | None = None
    """Of its schema, as alembic names it; None where it was never told."""
    wanted_revision: str | None = None
    """That of the Dagster that looks."""


class Room(FrozenModel):
    """A volume, a claim or a disk."""

    object: str
    bytes_total: int
    bytes_free: int
    inodes_total: int = 0
    """0 where the file system makes as many as are needed, or nobody can say."""
    inodes_free: int = 0

    @classmethod
    def of(cls, what: str, folder: Path | str) -> Room:
        """Of the file system on which a folder lies, as somebody without privileges may use it.

        Raises OSError.
        """
        found = os.statvfs(folder)
        return cls(
            object=what,
            bytes_total=found.f_blocks * found.f_frsize,
            bytes_free=found.f_bavail * found.f_frsize,
            inodes_total=found.f_files,
            inodes_free=found.f_favail,
        )


class Storage(FrozenModel):
    database: Database | None = None
    """None where nobody can say."""
    of_database: Room | None = None
    of_files: Room | None = None
