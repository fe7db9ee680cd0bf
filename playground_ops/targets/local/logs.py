"""Log files and state of a local stack as text: read, followed, redacted line by line."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from playground_ops.core.redact import redact
from playground_ops.targets.local.folder import StateFolder

FOLLOW_SECONDS = 0.3
"""How often a followed file is looked at: there is no portable event for a file that grows."""
TAIL_BYTES = 131_072


def tail(path: Path, lines: int) -> str:
    """The last lines of a log as they stand, not redacted; empty when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def last_lines(path: Path, lines: int) -> Iterator[str]:
    for line in tail(path, lines).splitlines():
        yield redact(line)


def follow(path: Path, lines: int) -> Iterator[str]:
    """The last lines, then every new one, over rotations, until the reader stops.

    A line is given once, when it has ended: what is read is never read again, nor passed over.
    """
    file = _open(path)
    recent, rest = _recent(file, lines) if file else ([], b"")
    try:
        yield from map(_shown, recent)
        while True:
            replaced = file is None or _is_another(path, file)  # looked at before its last lines are read
            if file is not None and (chunk := file.read()):
                *whole, rest = (rest + chunk).split(b"\n")
                yield from map(_shown, whole)
            elif replaced:
                if file is not None:
                    file.close()
                file, rest = _open(path), b""
                _pause(file)
            else:
                time.sleep(FOLLOW_SECONDS)
    finally:
        if file is not None:
            file.close()


def _recent(file: FileIO, lines: int) -> tuple[list[bytes], bytes]:
    """The last whole lines, and the beginning of the next one; the file stands at its end then."""
    file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
    *whole, rest = file.readall().split(b"\n")
    return whole[max(0, len(whole) - lines) :], rest


def _is_another(path: Path, file: FileIO) -> bool:
    """Whether the path leads to another file by now, or this one was emptied."""
    try:
        found = path.stat()
    except OSError:
        return False
    return not os.path.samestat(found, os.fstat(file.fileno())) or found.st_size < file.tell()


def _open(path: Path) -> FileIO | None:
    try:
        return FileIO(str(path))
    except OSError:
        return None


def _pause(file: FileIO | None) -> None:
    if file is None:
        time.sleep(FOLLOW_SECONDS)


def _shown(line: bytes) -> str:
    return redact(line.decode(errors="replace"))


PATTERNS = (
    "logs/*",
    "processes/*.json",
    "locations/**/*.json",
    "workspace/*.yaml",
    "dagster_home/dagster.yaml",
    "stack.json",
)
LARGEST_BYTES = 2_000_000


def collect(folder: StateFolder) -> Iterator[tuple[str, str]]:
    for pattern in PATTERNS:
        for path in sorted(folder.root.glob(pattern)):
            if path.is_file():
                yield f"state/{path.relative_to(folder.root)}", _end_of(path)


def _end_of(path: Path) -> str:
    """A process may go on writing, or remove it: what is there is taken."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LARGEST_BYTES))
            return file.read().decode(errors="replace")
    except OSError as error:
        return f"{type(error).__name__}: {error}"
