"""What processes of this project tell each other through a log: one JSON object a line.

A line that is no message is a person's or another program's, and stays text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

KEY = "playground"
LINES = "PLAYGROUND_LINES"
"""Variable of a process whose progress is read by another one."""


def message(kind: str, **fields: Any) -> str:
    """One line. `fields` are plain values."""
    return json.dumps({KEY: kind, **fields})


def parsed(line: str) -> Mapping[str, Any] | None:
    """The fields of a message, with its kind under KEY; None for any other line."""
    if not line.startswith("{"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get(KEY), str) else None


def of_kind(kind: str, text: str) -> Iterator[Mapping[str, Any]]:
    """The messages of this kind among the lines of a log."""
    for line in text.splitlines():
        found = parsed(line)
        if found is not None and found[KEY] == kind:
            yield found
