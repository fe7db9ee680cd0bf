"""The format of a state folder: its mark in `format.json`, and the steps that bring it to this program's."""

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from playground_ops.core import formats
from playground_ops.core.errors import Finding, PlaygroundError, transient
from playground_ops.core.formats import BEFORE_MARKS, OWN, Mark, Step, StoredFormat
from playground_ops.core.target import Say
from playground_ops.targets.local.folder import StateFolder, make_folder, reading, write_atomically, writing

STEPS: Sequence[Step[StateFolder]] = (
    Step(2, "it has a mark, `format.json`; nothing else changes", lambda folder: None),
)
WAIT_SECONDS, LOOK_SECONDS = 60.0, 0.05


def stored(folder: StateFolder) -> Mark | None:
    """Return the mark; None where nothing is stored. Raises PlaygroundError for one that is illegible."""
    try:
        with reading(folder.format):
            text = folder.format.read_text("utf-8", "replace")
    except FileNotFoundError:
        return BEFORE_MARKS if folder.stack.exists() or folder.locations.exists() else None
    return formats.parsed(text, f"file/{folder.format}")


def told(folder: StateFolder) -> StoredFormat | None:
    found = stored(folder)
    return None if found is None else StoredFormat.of(found, STEPS)


def must_fit(folder: StateFolder, own: Mark = OWN) -> None:
    """Raise PlaygroundError where the state folder is of a version too new for this one."""
    if (found := stored(folder)) is not None:
        formats.must_fit(found, f"folder/{folder.root}", own)


def migrate(
    folder: StateFolder, say: Say, own: Mark = OWN, steps: Sequence[Step[StateFolder]] = STEPS
) -> None:
    """Bring the folder to this program's format, once, whoever else does so too. Raises PlaygroundError."""
    if stored(folder) == own:
        return
    with _alone(folder):
        found = stored(folder)  # somebody else may have been quicker
        if found is None:
            wanted = own
        else:
            formats.must_fit(found, f"folder/{folder.root}", own)
            wanted = formats.migrated(steps, found, folder, say, own)
        if wanted != found:
            write_atomically(folder.format, formats.as_text(wanted) + "\n")


@contextmanager
def _alone(folder: StateFolder) -> Iterator[None]:
    """Lock out other migrations. The kernel frees the lock of a process that ends."""
    path = folder.format.with_name("format.guard")
    with writing(path):
        make_folder(path.parent)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _wait_for(descriptor, path.name)
        yield
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, name: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise PlaygroundError(_busy(name)) from error
        time.sleep(LOOK_SECONDS)


def _busy(name: str) -> Finding:
    return transient(
        object="stack",
        observed=f"Another command has been migrating what is stored for more than {WAIT_SECONDS:g} s.",
        cause=f"It holds the lock on {name}, and has not ended.",
        fix="Wait for it, or end it, then run the command again: what it began is repeated.",
    )
