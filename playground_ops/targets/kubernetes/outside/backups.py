"""Backs up the database to a file, whole or not at all, and restores it in one transaction."""

import errno
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from playground_ops.core.errors import BadInput, Finding, FindingKind, PlaygroundError, certain
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.outside import postgres
from playground_ops.targets.kubernetes.outside.executing import (
    CHUNK_BYTES,
    Ended,
    Place,
    draining,
    execute,
    failed,
)

DUMP = ("pg_dump", "--format=custom", *postgres.AS_OWNER)
"""Writes the backup to its standard output."""
CONTENTS = ("pg_restore", "--list")
READ = ("pg_restore", "--file=/dev/null")
"""Reads a backup to its end: a truncated file has its table of contents but not its data."""
RESTORE = (
    *("pg_restore", "--clean", "--if-exists", "--single-transaction", "--exit-on-error"),
    *("--no-owner", "--no-privileges", *postgres.AS_OWNER),
)
"""Restores as Dagster's role, never as the superuser: a backup holds what code wrote, expressions too."""
OF_DAGSTER = " TABLE public runs "
"""This is in the table of contents of every backup of a Dagster instance."""
Count = Callable[[int], None]
"""A callback for the number of bytes so far."""
INSTEAD = "Use its own backups, or `pg_dump --format=custom` and `pg_restore` from where it can be reached."


def back_up(connection: Connection, place: Place, file: Path, count: Count, *, overwrite: bool) -> int:
    """Return the bytes written. Raises BadInput, PlaygroundError, leaving no file or the one before."""
    if file.exists() and not overwrite:
        raise BadInput(_exists(file))
    part = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    try:
        size = _dumped(connection, place, part, count)
        verify(connection, place, part)
        part.replace(file)
        _keep(file.parent)
    except OSError as error:
        raise PlaygroundError(_unwritable(file, error)) from error
    finally:
        with suppress(OSError):
            part.unlink()
    return size


def _dumped(connection: Connection, place: Place, part: Path, count: Count) -> int:
    size = 0
    # It holds what runs did and logged, so only its owner may read it.
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:

        def hear(piece: bytes) -> None:
            nonlocal size
            size += file.write(piece)
            count(size)

        ended = execute(connection, place, DUMP, hear)
        if ended.code:
            raise PlaygroundError(failed(place, DUMP[0], ended))
        file.flush()
        os.fsync(file.fileno())
    return size


def _keep(folder: Path) -> None:
    """Sync the folder, so that the file's name survives a power cut too."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def verify(connection: Connection, place: Place, file: Path) -> None:
    """Check it by pg_restore in the pod. Raises BadInput if it is truncated or not of a Dagster database."""
    contents = bytearray()
    _read(connection, place, CONTENTS, file, contents.extend)
    if OF_DAGSTER not in contents.decode(errors="replace"):
        raise BadInput(_of_something_else(file))
    _read(connection, place, READ, file, lambda piece: None)


def _read(
    connection: Connection, place: Place, command: tuple[str, ...], file: Path, hear: Callable[[bytes], None]
) -> None:
    ended = execute(connection, place, draining(command), hear, pieces(file, lambda size: None))
    if ended.code:
        raise BadInput(_no_backup(file, ended))


def restore(connection: Connection, place: Place, file: Path, count: Count) -> None:
    """Restore all of it. Raises PlaygroundError, leaving the database as it was."""
    ended = execute(connection, place, draining(RESTORE), lambda piece: None, pieces(file, count))
    if ended.code:
        raise PlaygroundError(_not_restored(file, ended))


def pieces(file: Path, count: Count) -> Iterator[bytes]:
    """Yield a file's content. Raises BadInput when it can't be read."""
    size = 0
    try:
        with file.open("rb") as opened:
            while piece := opened.read(CHUNK_BYTES):
                size += len(piece)
                count(size)
                yield piece
    except OSError as error:
        raise BadInput(_unreadable(file, error)) from error


def _exists(file: Path) -> Finding:
    return certain(
        object=f"file/{file}",
        observed="It is there already.",
        cause="A backup is not overwritten by mistake.",
        fix="Name another file, or overwrite it by --force.",
    )


def _unwritable(file: Path, error: OSError) -> Finding:
    full = error.errno == errno.ENOSPC
    return Finding(
        kind=FindingKind.CAPACITY if full else FindingKind.CERTAIN,
        object=f"file/{file}",
        observed=f"It can't be written: {error.strerror}.",
        cause="The disk is full." if full else "Its folder is not there, or belongs to somebody else.",
        fix="Name a file in another place. Nothing was left here.",
    )


def _unreadable(file: Path, error: OSError) -> Finding:
    return certain(
        object=f"file/{file}",
        observed=f"It can't be read: {error.strerror}.",
        cause="The path is not the one that was meant, or it belongs to somebody else.",
        fix="Name a file that `backup FILE` wrote.",
    )


def _no_backup(file: Path, ended: Ended) -> Finding:
    return certain(
        object=f"file/{file}",
        observed="`pg_restore` can't read it whole.",
        cause=ended.said.splitlines()[-1] if ended.said else "It said nothing.",
        fix="Name a file that `backup FILE` wrote, or another one: this one is cut off or something else.",
        evidence=ended.said,
    )


def _of_something_else(file: Path) -> Finding:
    return certain(
        object=f"file/{file}",
        observed="It is a backup without Dagster's tables.",
        cause="It is of another database, or of one that Dagster has not used yet.",
        fix="Name a file that `backup FILE` wrote of a stack.",
    )


def _not_restored(file: Path, ended: Ended) -> Finding:
    return certain(
        object=f"file/{file}",
        observed=f"`pg_restore` ended with exit code {ended.code}; the database is as it was before.",
        cause=ended.said.splitlines()[-1] if ended.said else "It said nothing.",
        fix="Its last lines are below. It is one transaction: nothing of the backup is in the database.",
        evidence=ended.said,
    )
