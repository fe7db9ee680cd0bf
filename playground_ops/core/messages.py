"""Messages that processes of this project send each other through a log: one JSON object a line.

A line that is no message comes from a person or another program, and stays text.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

KEY = "playground"
PREPARING = "preparing"
"""The kind of messages of a server that is prepared: `line` is what it does, or the last line of a command's
output; empty when it is done."""
LINES = "PLAYGROUND_LINES"
"""This variable is set in a process whose progress another one reads."""


def message(kind: str, /, **fields: Any) -> str:
    """Return one line. `fields` are plain values."""
    return json.dumps({KEY: kind, **fields})


def parsed(line: str) -> Mapping[str, Any] | None:
    """Return the fields of a message, with its kind under KEY; None for any other line."""
    if not line.startswith("{"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get(KEY), str) else None


def of_kind(kind: str, text: str) -> Iterator[Mapping[str, Any]]:
    """Yield the messages of this kind among the lines of a log."""
    for line in text.splitlines():
        found = parsed(line)
        if found is not None and found[KEY] == kind:
            yield found
