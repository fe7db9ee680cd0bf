"""Backs up a deployment's database to a file, whole or not at all, and restores it in one transaction."""

import errno
import os
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from playground_ops.config import Configuration
from playground_ops.core.errors import BadInput, Finding, FindingKind, PlaygroundError, certain
from playground_ops.core.model import MAIN
from playground_ops.render.database import deployment_of
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

DUMP = ("pg_dump", "--format=custom")
"""Writes the backup to its standard output."""
CONTENTS = ("pg_restore", "--list")
READ = ("pg_restore", "--file=/dev/null")
"""Reads a backup to its end: a truncated file has its table of contents but not its data."""
RESTORE = (
    *("pg_restore", "--clean", "--if-exists", "--single-transaction", "--exit-on-error"),
    *("--no-owner", "--no-privileges"),
)
"""Restores as a deployment's own role, never as the superuser: a backup holds what code wrote, also
expressions."""
OF_DAGSTER = " TABLE public runs "
"""This is in the table of contents of every backup of a Dagster instance."""
_NAMED = re.compile(r"^;\s+dbname: (.+)$", re.MULTILINE)
"""This is there too: the database that was backed up."""
Count = Callable[[int], None]
"""A callback for the number of bytes so far."""
INSTEAD = "Use its own backups, or `pg_dump --format=custom` and `pg_restore` from where it can be reached."


@dataclass(frozen=True)
class Kept:
    """The database of one deployment, in the stack's own Postgres."""

    connection: Connection
    place: Place
    whole: Configuration
    deployment: str = MAIN

    @property
    def owner(self) -> Sequence[str]:
        """Return as whom commands of Postgres connect to it."""
        return postgres.owner_of(self.view)

    @property
    def view(self) -> Configuration:
        return self.whole.of(self.deployment)


def back_up(kept: Kept, file: Path, count: Count, *, overwrite: bool) -> int:
    """Return the bytes written. Raises BadInput, PlaygroundError, leaving no file or the one before."""
    if file.exists() and not overwrite:
        raise BadInput(_exists(file))
    part = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    try:
        size = _dumped(kept, part, count)
        verify(kept, part)
        part.replace(file)
        _keep(file.parent)
    except OSError as error:
        raise PlaygroundError(_unwritable(file, error)) from error
    finally:
        with suppress(OSError):
            part.unlink()
    return size


def _dumped(kept: Kept, part: Path, count: Count) -> int:
    size, command = 0, [*DUMP, *kept.owner]
    # It holds what runs did and logged, so only its owner may read it.
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:

        def hear(piece: bytes) -> None:
            nonlocal size
            size += file.write(piece)
            count(size)

        ended = execute(kept.connection, kept.place, command, hear)
        if ended.code:
            raise PlaygroundError(failed(kept.place, DUMP[0], ended))
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


def verify(kept: Kept, file: Path) -> None:
    """Check it by pg_restore in the pod.

    Raises BadInput if it is truncated, not of a Dagster database, or of another deployment's.
    """
    listed = _contents(kept, file)
    if OF_DAGSTER not in listed:
        raise BadInput(_of_something_else(file))
    found = _NAMED.search(listed)
    if found and (other := deployment_of(found[1].strip())) not in (None, kept.deployment):
        raise BadInput(_of_another(file, str(other), kept.deployment))
    _read(kept, READ, file, lambda piece: None)


def verify_any(kept: Kept, file: Path) -> None:
    """Check the same, but not of which deployment it is."""
    if OF_DAGSTER not in _contents(kept, file):
        raise BadInput(_of_something_else(file))
    _read(kept, READ, file, lambda piece: None)


def _contents(kept: Kept, file: Path) -> str:
    contents = bytearray()
    _read(kept, CONTENTS, file, contents.extend)
    return contents.decode(errors="replace")


def _read(kept: Kept, command: tuple[str, ...], file: Path, hear: Callable[[bytes], None]) -> None:
    given = pieces(file, lambda size: None)
    ended = execute(kept.connection, kept.place, draining(command), hear, given)
    if ended.code:
        raise BadInput(_no_backup(file, ended))


def restore(kept: Kept, file: Path, count: Count) -> None:
    """Restore all of it. Raises PlaygroundError, leaving the database as it was."""
    command = draining((*RESTORE, *kept.owner))
    ended = execute(kept.connection, kept.place, command, lambda piece: None, pieces(file, count))
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


def _of_another(file: Path, found: str, wanted: str) -> Finding:
    return certain(
        object=f"file/{file}",
        observed=f"It is a backup of deployment {found}, and is to be restored to deployment {wanted}.",
        cause="The file or `--deployment` is not the one that was meant.",
        fix=f"Restore it by `--deployment {found}`; or, where {wanted} is to lose its history for it, by "
        "`--of-another`.",
    )


def _not_restored(file: Path, ended: Ended) -> Finding:
    return certain(
        object=f"file/{file}",
        observed=f"`pg_restore` ended with exit code {ended.code}; the database is as it was before.",
        cause=ended.said.splitlines()[-1] if ended.said else "It said nothing.",
        fix="Its last lines are below. It is one transaction: nothing of the backup is in the database.",
        evidence=ended.said,
    )
