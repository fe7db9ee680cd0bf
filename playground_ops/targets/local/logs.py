"""Log files and state of a local stack as text: read, followed, redacted line by line."""

import os
import re
import time
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from playground_ops.core.redact import redact
from playground_ops.targets.local.folder import StateFolder

FOLLOW_SECONDS = 0.3
"""Seconds between two reads of a followed file: no portable event reports that a file grows."""
TAIL_BYTES = 131_072


def tail(path: Path, lines: int) -> str:
    """Return the last lines of a log as they are, not redacted; empty when there is none."""
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
    """Yield the last lines, then every new one, over rotations, until the reader stops.

    A line is yielded once, when it has ended: nothing is read twice, nor skipped.
    """
    file = _open(path)
    recent, rest = _recent(file, lines) if file else ([], b"")
    try:
        yield from map(_shown, recent)
        while True:
            replaced = file is None or _is_another(path, file)  # checked before its last lines are read
            if file is not None and (chunk := file.read()):
                *whole, rest = (rest + chunk).split(b"\n")
                yield from map(_shown, whole)
            elif replaced:
                if file is not None:
                    file.close()
                file, rest = _open(path), b""
                if file is None:
                    time.sleep(FOLLOW_SECONDS)
            else:
                time.sleep(FOLLOW_SECONDS)
    finally:
        if file is not None:
            file.close()


def _recent(file: FileIO, lines: int) -> tuple[list[bytes], bytes]:
    """Return the last complete lines, and the beginning of the next one; the file is at its end then."""
    file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
    *whole, rest = file.readall().split(b"\n")
    return whole[max(0, len(whole) - lines) :], rest


def _is_another(path: Path, file: FileIO) -> bool:
    """Return whether the path leads to another file by now, or this one was emptied."""
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


def _shown(line: bytes) -> str:
    return redact(line.decode(errors="replace"))


PATTERNS = (
    "logs/*",
    "processes/*.json",
    "locations/**/*.json",
    "workspace/*.yaml",
    "dagster_home/dagster.yaml",
    "deployments/*/*/*.yaml",
    "stack.json",
)
LARGEST_BYTES = 2_000_000
SECRETS = re.compile(r'("secrets": )\{(?:"(?:[^"\\]|\\.)*"|[^{}"])*\}')
"""The values of a process that are masked wherever they stand, as the file of its spec has them."""


def collect(folder: StateFolder) -> Iterator[tuple[str, str]]:
    for pattern in PATTERNS:
        for path in sorted(folder.root.glob(pattern)):
            if path.is_file():
                text = _end_of(path)
                if path.parent.name == "processes":
                    text = SECRETS.sub(r'\1"***"', text)
                yield f"state/{path.relative_to(folder.root)}", text


def _end_of(path: Path) -> str:
    """Return the end of a file as far as it can be read: a process may go on writing, or remove it."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LARGEST_BYTES))
            return file.read().decode(errors="replace")
    except OSError as error:
        return f"{type(error).__name__}: {error}"
