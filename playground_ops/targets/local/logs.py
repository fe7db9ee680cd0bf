"""Reading and following log files, redacted line by line."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from playground_ops.redact import redact
from playground_ops.targets.local.observing import tail

FOLLOW_SECONDS = 0.3
"""How often a followed file is looked at: there is no portable event for a file that grows."""


def last_lines(path: Path, lines: int) -> Iterator[str]:
    for line in tail(path, lines).splitlines():
        yield redact(line)


def follow(path: Path, lines: int) -> Iterator[str]:
    """The last lines, then every new one, over rotations, until the reader stops."""
    yield from last_lines(path, lines)
    position = path.stat().st_size if path.exists() else 0
    rest = ""
    while True:
        size = path.stat().st_size if path.exists() else 0
        if size < position:
            position = 0
        if size > position:
            with path.open("rb") as file:
                file.seek(position)
                chunk = file.read()
            position += len(chunk)
            *whole, rest = (rest + chunk.decode(errors="replace")).split("\n")
            for line in whole:
                yield redact(line)
        else:
            time.sleep(FOLLOW_SECONDS)
