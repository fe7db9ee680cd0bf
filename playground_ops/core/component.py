"""The parts of a stack as values: their settings, their status, and Dagster's reports about them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from playground_ops.core.errors import Finding
from playground_ops.core.frozen_model import FrozenModel
from playground_ops.core.model import MAIN


def component_of(kind: str, deployment: str) -> str:
    """Return the name of what a deployment has for itself (`webserver`); the main one's has no suffix."""
    return kind if deployment == MAIN else f"{kind}-{deployment}"


def kind_of(name: str) -> Literal["webserver", "daemon"]:
    """Return the kind of a component that is a deployment's webserver or daemon."""
    return "webserver" if name.partition("-")[0] == "webserver" else "daemon"


class Component(FrozenModel):
    """A part of the stack and the settings that decide how it runs."""

    name: str
    kind: Literal["webserver", "daemon", "location", "postgres"]
    settings: dict[str, str]
    """Flat and readable: a plan shows them before and after. Holds no secret."""


class End(FrozenModel):
    """How the last replaced process of a component ended."""

    at: str
    how: str
    out_of_memory: bool = False
    finding: Finding | None = None
    """Why its node ended it, where that is so."""


class Usage(FrozenModel):
    """The resource usage of the container that is nearest to its limit."""

    container: str
    memory_bytes: int
    """Its working set: memory that can't be reclaimed without ending something."""
    memory_limit_bytes: int | None = None
    millicores: int = 0
    """Millicores of processor, on average over the last measured seconds."""
    limit_millicores: int | None = None

    @property
    def filled(self) -> float:
        """Return the used part of the memory limit; 0 without a limit."""
        return self.memory_bytes / self.memory_limit_bytes if self.memory_limit_bytes else 0.0


class ComponentStatus(FrozenModel):
    """The state of a component's process or processes."""

    name: str
    kind: Literal["webserver", "daemon", "location", "postgres", "supervisor"]
    ready: bool
    deployment: str = MAIN
    """The deployment whose webserver or daemon it is."""
    since: str | None = None
    restarts: int = 0
    last_end: End | None = None
    message: str = ""
    """What was observed last, as a clause with its subject: "waiting for NAME: " may stand before it."""
    finding: Finding | None = None
    """Why it is not ready, where that is known."""
    usage: Usage | None = None
    """None where nothing measures it."""


class Heartbeat(FrozenModel):
    """The heartbeat of one of Dagster's daemons, all of which run in one process."""

    daemon: str
    required: bool
    age_seconds: float | None
    """Seconds since the last heartbeat; None: there was none."""
    errors: tuple[str, ...] = ()


class UnderWay(FrozenModel):
    """A run that has not ended."""

    run_id: str
    job: str
    location: str | None
    """None for a run that was launched outside any location."""
    status: Literal["QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING"]
    seconds: float
    """Seconds in this status where known; otherwise seconds since the run was made."""


class Ticking(FrozenModel):
    """A schedule or a sensor."""

    location: str
    kind: Literal["schedule", "sensor"]
    name: str
    running: bool
    last: str | None = None
    """The last tick's status: SUCCESS, FAILURE, SKIPPED or STARTED; None before the first tick."""
    age_seconds: float | None = None
    """Seconds since the last tick began."""
    every_seconds: float | None = None
    """The least seconds between two ticks of a sensor."""
    error: str = ""
    """The last tick's error, as Python prints it."""


class Overview(FrozenModel):
    version: str = ""
    """The webserver's version of Dagster."""
    versions: Mapping[str, str] = Field(default_factory=dict)
    """The version of Dagster in the server of each location that is loaded."""
    heartbeats: tuple[Heartbeat, ...] = ()
    runs: tuple[UnderWay, ...] = ()
    ticking: tuple[Ticking, ...] = ()
    errors: Mapping[str, str] = Field(default_factory=dict)
    """The locations that the webserver could not load, with the error it was given."""


class Database(FrozenModel):
    """The state of a deployment's own database."""

    name: str = "dagster"
    """Its name, which its role has too."""
    bytes_used: int
    connections: int | None = None
    """All connections now, of all clients; None for a database without a server."""
    most_connections: int | None = None
    """How many connections roles that are no superusers may have."""
    revision: str | None = None
    """The revision of its schema, as alembic names it; None where none was ever recorded."""
    wanted_revision: str | None = None
    """The revision that the Dagster of this process needs."""
    too_many_rights: tuple[str, ...] = ()
    """Attributes and memberships of its role that it should not have; in the stack's own Postgres."""


class Room(FrozenModel):
    """A volume, a claim or a disk."""

    object: str
    bytes_total: int
    bytes_free: int
    inodes_total: int = 0
    """0 where the file system makes as many as are needed, or the number is unknown."""
    inodes_free: int = 0

    @classmethod
    def of(cls, what: str, folder: Path | str) -> Room:
        """Return the room for users without privileges on a folder's file system. Raises OSError."""
        found = os.statvfs(folder)
        return cls(
            object=what,
            bytes_total=found.f_blocks * found.f_frsize,
            bytes_free=found.f_bavail * found.f_frsize,
            inodes_total=found.f_files,
            inodes_free=found.f_favail,
        )

    @classmethod
    def seen(cls, what: str, folder: Path | str) -> Room | None:
        """Return the same; None where the folder is not there or can't be looked at."""
        try:
            return cls.of(what, folder)
        except OSError:
            return None


class Storage(FrozenModel):
    database: Database | None = None
    """None where it is unknown."""
    of_database: Room | None = None
    of_files: Room | None = None


class Deploying(FrozenModel):
    """A deploy of a stack that has not come to its end."""

    by: str
    since: str
    """UTC, ISO 8601."""
    is_alive: bool = True
    """Whether it is under way; otherwise it was killed, or left something for the next one."""


class Backup(FrozenModel):
    """A deployment's database as a file that outlives the stack's processes."""

    file: str
    bytes: int
    deployment: str = MAIN
    removed: tuple[str, ...] = ()
    """Older backups that were removed for it."""
