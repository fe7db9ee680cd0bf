"""How much a stack on this machine has written, and how much room is left for it."""

from __future__ import annotations

from playground_ops.errors import PlaygroundError
from playground_ops.storage import Database, Room, Storage
from playground_ops.targets.local.folder import StateFolder, cannot_read

DATABASES = ("history", "schedules")
"""Where SQLite's files lie in DAGSTER_HOME (dagster._core.instance.config, default storages)."""


def storage(folder: StateFolder) -> Storage:
    """Raises PlaygroundError."""
    try:
        files = [file for name in DATABASES for file in (folder.dagster_home / name).rglob("*.db*")]
        written = [file.stat().st_size for file in files]
        room = Room.of(f"disk of {folder.root}", folder.root)
    except FileNotFoundError:  # a journal of SQLite's that has just gone, or no stack yet
        return Storage()
    except OSError as error:
        raise PlaygroundError(cannot_read(folder.root, error)) from error
    return Storage(database=Database(bytes_used=sum(written)), of_files=room)
