"""The state folder of a local stack: its layout, files that are complete or absent, and free room."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from playground_ops.core.component import Database, Room, Storage, component_of
from playground_ops.core.errors import Finding, PlaygroundError, capacity, certain
from playground_ops.core.model import MAIN
from playground_ops.targets.local import processes
from playground_ops.targets.local.own_folder import NotOurs, is_open_to_others, made_private

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class InstanceFolder:
    """What is one deployment's in the state folder: its Dagster instance, and what its processes read."""

    root: Path
    deployment: str = MAIN

    @property
    def _own(self) -> Path:
        return self.root if self.deployment == MAIN else self.root / "deployments" / self.deployment

    @property
    def dagster_home(self) -> Path:
        return self._own / "dagster_home"

    @property
    def workspace(self) -> Path:
        return self._own / "workspace" / "workspace.yaml"

    @property
    def webserver(self) -> str:
        """Return the name of the process, which is that of the component."""
        return component_of("webserver", self.deployment)

    @property
    def daemon(self) -> str:
        return component_of("daemon", self.deployment)


@dataclass(frozen=True)
class StateFolder:
    root: Path

    def instance(self, deployment: str = MAIN) -> InstanceFolder:
        return InstanceFolder(self.root, deployment)

    @property
    def instances(self) -> list[InstanceFolder]:
        """Return the main one, and those that are there beside it."""
        beside = self.root / "deployments"
        names = sorted(one.name for one in beside.iterdir()) if beside.is_dir() else []
        return [self.instance(), *map(self.instance, names)]

    @property
    def stack(self) -> Path:
        return self.root / "stack.json"

    @property
    def format(self) -> Path:
        return self.root / "format.json"

    @property
    def repositories(self) -> Path:
        return self.root / "repositories"

    @property
    def checkouts(self) -> Path:
        return self.root / "checkouts"

    @property
    def environments(self) -> Path:
        return self.root / "environments"

    @property
    def prepared(self) -> Path:
        return self.root / "prepared"

    @property
    def locations(self) -> Path:
        return self.root / "locations"

    def location(self, name: str) -> Path:
        return self.locations / name

    def lock(self, location: str) -> Path:
        """Return the lock file. It exists while somebody holds the lock, or died with it."""
        return self.location(location) / "lock.json"

    @property
    def deploy_mark(self) -> Path:
        """Return the file that exists while somebody deploys, or died doing so."""
        return self.root / "deploy.json"

    def log(self, process: str) -> Path:
        return self.root / "logs" / f"{process}.log"


def write_atomically(path: Path, text: str) -> None:
    """Write so that a reader, or a kill at any time, finds the old content or the new one.

    Raises PlaygroundError (capacity) when the disk is full or the folder can't be written.
    """
    with writing(path):
        make_folder(path.parent)
        processes.write_atomically(path, text)


def write_value(path: Path, value: BaseModel) -> None:
    write_atomically(path, value.model_dump_json(indent=1) + "\n")


def read_value(path: Path, kind: type[M]) -> M | None:
    """Return the value in a file; None when it is not there.

    A file with invalid content is set aside as `*.corrupt`, so that it is found and does no harm. Raises
    PlaygroundError (capacity) when it can't be read.
    """
    try:
        with reading(path):
            return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (ValidationError, json.JSONDecodeError, UnicodeDecodeError):
        set_aside(path)
        return None


def set_aside(path: Path) -> None:
    with writing(path), suppress(FileNotFoundError):  # another process may have done so
        path.replace(path.with_name(f"{path.name}.corrupt"))


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the system's error on writing into a PlaygroundError (capacity; certain if it is not ours)."""
    try:
        yield
    except NotOurs as error:
        raise PlaygroundError(_not_ours(path, error)) from error
    except OSError as error:
        raise PlaygroundError(cannot_write(path, error)) from error


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn the system's error on reading into a PlaygroundError; FileNotFoundError is passed on."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise PlaygroundError(cannot_read(path, error)) from error


def kept_private(state: Path) -> None:
    """Keep other users out of a state folder that is there. Raises PlaygroundError when it is another's."""
    with writing(state), suppress(FileNotFoundError):
        if state.exists():
            made_private(Path(os.path.realpath(state)))


def make_folder(folder: Path) -> None:
    """Make a folder below the state folder, and what is missing above it, for this user alone."""
    if not folder.is_dir():
        made_private(folder)


def open_to_others(state: Path) -> list[Finding]:
    if not is_open_to_others(state):
        return []
    return [
        certain(
            object=f"folder/{state}",
            observed="Other users of this machine reach it: databases, checkouts and logs.",
            cause="Its permissions could not be narrowed: the file system keeps none.",
            fix="Move it to another disk, and name it by PLAYGROUND_STATE.",
            whose="surroundings",
        )
    ]


def _not_ours(path: Path, error: NotOurs) -> Finding:
    return certain(
        object=f"folder/{path}",
        observed=f"It is not used: {error}.",
        cause="Whoever owns it could put code into it, which this stack would run.",
        fix="Run the command as its owner, remove what is in the way, or name another folder by "
        "PLAYGROUND_STATE.",
        whose="surroundings",
    )


def cannot_write(path: Path, error: OSError) -> Finding:
    return capacity(
        object=f"file/{path}",
        observed=f"It can't be written: {error.strerror or error}.",
        cause="The disk is full, or the state folder belongs to somebody else or is read-only.",
        fix="Make room or mend the permissions, then run the command again; nothing was lost.",
    )


def cannot_read(path: Path, error: OSError) -> Finding:
    return capacity(
        object=f"file/{path}",
        observed=f"It can't be read: {error.strerror or error}.",
        cause="The state folder belongs to somebody else, or is no folder.",
        fix="Mend the permissions, or name another folder by PLAYGROUND_STATE; nothing was changed.",
    )


def no_backups(folder: Path) -> Finding:
    return certain(
        object="target/local",
        observed="Backups are of the target kubernetes.",
        cause=f"All that this stack keeps lies in {folder}.",
        fix="Run `down`, and copy that folder.",
    )


DATABASES = ("history", "schedules")
"""Folders of SQLite's files in DAGSTER_HOME (dagster._core.instance.config, default storages)."""


def stack_storage(folder: InstanceFolder) -> Storage:
    """Return the size of the database, and the disk's room. Raises PlaygroundError."""
    try:
        files = [file for name in DATABASES for file in (folder.dagster_home / name).rglob("*.db*")]
        written = [file.stat().st_size for file in files]
        room = Room.of(f"disk of {folder.root}", folder.root)
    except FileNotFoundError:  # a journal of SQLite that was just deleted, or there is no stack yet
        return Storage()
    except OSError as error:
        raise PlaygroundError(cannot_read(folder.root, error)) from error
    return Storage(database=Database(bytes_used=sum(written)), of_files=room)


def not_deployed(file: Path) -> Finding:
    corrupt = file.with_name(f"{file.name}.corrupt")
    return capacity(
        object="stack",
        observed=f"{file.name} could not be read and was set aside as {corrupt}."
        if corrupt.exists()
        else "No stack is deployed here.",
        cause="The disk was full, or somebody edited it."
        if corrupt.exists()
        else "It was never bootstrapped, or its data was deleted.",
        fix="Run `python -m playground_ops.bootstrap`, or launch the `deploy` job: it writes it anew.",
    )


def no_log(component: str, folder: Path) -> Finding:
    known = sorted(path.stem for path in folder.glob("*.log"))
    return certain(
        object=f"component/{component}",
        observed="It has no log here.",
        cause=f"There are logs of: {', '.join(known) or 'nothing yet'}.",
        fix="Name one of these, or a location that serves.",
    )
